// Four goroutines, source -> map -> map -> sink, over three buffered channels: what a Go programmer
// would write. Options and output as in bench/harness.hpp.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

type event struct {
	id   uint64
	key  string
	data string
}

func stage[T any](in <-chan T, out chan<- T, apply func(T) T) {
	for item := range in {
		out <- apply(item)
	}
	close(out)
}

func run[T any](items uint64, capacity int, produce func(uint64) T, apply func(T) T, id func(T) uint64) uint64 {
	first, second, third := make(chan T, capacity), make(chan T, capacity), make(chan T, capacity)
	result := make(chan uint64)
	go func() {
		for i := uint64(0); i < items; i++ {
			first <- produce(i)
		}
		close(first)
	}()
	go stage(first, second, apply)
	go stage(second, third, apply)
	go func() {
		sum := uint64(0)
		for item := range third {
			sum += id(item)
		}
		result <- sum
	}()
	return <-result
}

func main() {
	items := flag.Uint64("items", 0, "how many items (default: enough for one to two seconds)")
	capacity := flag.Int("capacity", 1024, "of each channel")
	item := flag.String("item", "uint64", "uint64 or event")
	flag.Parse()
	if flag.NArg() > 0 || (*item != "uint64" && *item != "event") {
		flag.Usage()
		os.Exit(2)
	}
	if *items == 0 {
		*items = map[string]uint64{"uint64": 15_000_000, "event": 6_000_000}[*item]
	}

	var sum uint64
	start := time.Now()
	if *item == "event" {
		sum = run(*items, *capacity,
			func(i uint64) event {
				return event{i, "customer-000000000000" + strconv.FormatUint(i%1000, 10), strings.Repeat("x", 100)}
			},
			func(e event) event { e.id++; return e },
			func(e event) uint64 { return e.id })
	} else {
		sum = run(*items, *capacity,
			func(i uint64) uint64 { return i },
			func(x uint64) uint64 { return x + 1 },
			func(x uint64) uint64 { return x })
	}
	seconds := time.Since(start).Seconds()

	expected := uint64(0)
	for i := uint64(0); i < *items; i++ {
		expected += i + 2
	}
	if sum != expected {
		fmt.Fprintf(os.Stderr, "go_channels: the sink's sum is %d, expected %d\n", sum, expected)
		os.Exit(1)
	}
	fmt.Printf("{\"name\": \"go_channels\", \"items\": %d, \"seconds\": %.6f, \"items_per_second\": %.0f}\n",
		*items, seconds, float64(*items)/seconds)
}
