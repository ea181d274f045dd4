// A pool of goroutines over a channel, between a source and a sink, as a Go programmer would write it:
// with results in order (-ordered), or as they come. The work and the output are those of
// bench/weir_stage.cpp.
package main

import (
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"
)

const capacity = 1024 // of each channel

type job struct {
	item   uint64
	result chan uint64
}

// In order: the sink follows a channel of results to come, each of which is a channel for one. They
// are used again, which is faster than to make one for each item.
func ordered(items uint64, goroutines int, apply func(uint64) uint64) uint64 {
	jobs, pending := make(chan job, capacity), make(chan chan uint64, capacity)
	free := make(chan chan uint64, capacity)
	for i := 0; i < capacity; i++ {
		free <- make(chan uint64, 1)
	}
	go func() {
		for i := uint64(0); i < items; i++ {
			result := <-free
			pending <- result
			jobs <- job{i, result}
		}
		close(jobs)
		close(pending)
	}()
	for i := 0; i < goroutines; i++ {
		go func() {
			for one := range jobs {
				one.result <- apply(one.item)
			}
		}()
	}
	sum := uint64(0)
	for result := range pending {
		sum += <-result
		free <- result
	}
	return sum
}

func unordered(items uint64, goroutines int, apply func(uint64) uint64) uint64 {
	jobs, results := make(chan uint64, capacity), make(chan uint64, capacity)
	go func() {
		for i := uint64(0); i < items; i++ {
			jobs <- i
		}
		close(jobs)
	}()
	for i := 0; i < goroutines; i++ {
		go func() {
			for item := range jobs {
				results <- apply(item)
			}
		}()
	}
	sum := uint64(0)
	for i := uint64(0); i < items; i++ {
		sum += <-results
	}
	return sum
}

// Work, and the sum to expect, as in bench/work.hpp.
func spin(item, steps uint64) uint64 {
	for ; steps > 0; steps-- {
		item = item*6364136223846793005 + 1442695040888963407
	}
	return item
}

var kept uint64 = 1

func stepsOf(microseconds float64) uint64 {
	const steps = 100_000
	fastest := time.Hour
	for try := 0; try < 40; try++ {
		start := time.Now()
		kept = spin(kept, steps)
		if took := time.Since(start); took < fastest {
			fastest = took
		}
	}
	return uint64(microseconds * steps * 1000 / float64(fastest.Nanoseconds()))
}

func sumOfSpun(items, steps uint64) uint64 {
	ofZero, pairs := spin(0, steps), uint64(0)
	for i := uint64(0); i < items; i++ {
		pairs += i
	}
	return (spin(1, steps)-ofZero)*pairs + ofZero*items
}

func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func main() {
	items := flag.Uint64("items", 100_000, "how many items")
	goroutines := flag.Int("goroutines", 1, "how many goroutines")
	work := flag.Uint64("work", 0, "microseconds of work on an item")
	inOrder := flag.Bool("ordered", false, "results in the order of the items")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	steps := uint64(0)
	if *work > 0 {
		steps = stepsOf(float64(*work))
	}
	pool := unordered
	if *inOrder {
		pool = ordered
	}

	start, processorStart := time.Now(), processorTime()
	sum := pool(*items, *goroutines, func(x uint64) uint64 { return spin(x, steps) })
	seconds, processor := time.Since(start).Seconds(), processorTime()-processorStart

	if sum != sumOfSpun(*items, steps) {
		fmt.Fprintln(os.Stderr, "go_pool: the sink's sum is wrong")
		os.Exit(1)
	}
	count := float64(*items)
	fmt.Printf("{\"name\": \"go_pool\", \"items\": %d, \"seconds\": %.6f, \"items_per_second\": %.0f, "+
		"\"processor_us_per_item\": %.4f}\n", *items, seconds, count/seconds, float64(processor.Nanoseconds())/1000/count)
}
