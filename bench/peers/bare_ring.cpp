// The limit for any hand-over between two threads on this machine: one hop over a bare ring, items
// copied a slice at a time, no actors, no wake-ups (both sides poll), nothing counted.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>
#include <weir/bench/harness.hpp>

// Alone on its pair of cache lines, which are fetched together.
struct alignas(128) cursor {
  std::atomic<std::uint64_t> position{0};
};

int main(int argc, char** argv) {
  const auto options = weir::bench::read_options(argc, argv, {.numbers = 300'000'000, .events = 0});
  const std::uint64_t capacity = options.capacity;
  if (options.events || (capacity & (capacity - 1)) != 0) {
    std::fprintf(stderr, "bare_ring: takes uint64 and a capacity that is a power of two\n");
    return 2;
  }
  std::vector<std::uint64_t> slots(capacity);
  cursor head;
  cursor tail;
  const auto mask = capacity - 1;
  const auto slice = std::max<std::uint64_t>(capacity / 4, 1);

  const weir::bench::stopwatch watch;
  std::thread producer{[=, &head, &tail, items = options.items, slot = slots.data()] {
    for (std::uint64_t at = 0; at < items;) {
      const auto end = std::min(items, at + slice);
      while (end - head.position.load(std::memory_order_acquire) > capacity)
        std::this_thread::yield();
      for (; at < end; ++at)
        slot[at & mask] = at;
      tail.position.store(at, std::memory_order_release);
    }
  }};
  std::uint64_t sum = 0;
  const auto* slot = slots.data();
  for (std::uint64_t at = 0; at < options.items;) {
    const auto end = std::min(options.items, at + slice);
    while (tail.position.load(std::memory_order_acquire) < end)
      std::this_thread::yield();
    for (; at < end; ++at)
      sum += slot[at & mask];
    head.position.store(at, std::memory_order_release);
  }
  producer.join();
  return weir::bench::finish("bare_ring", options.items, watch.read(), sum, 0);
}
