// What the C++ contestants share: their options, the items they move, the check of the sum, and
// the one JSON line they print. The Go contestant follows the same conventions.
#pragma once

#include <chrono>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/resource.h>

namespace weir::bench {

// The item beside uint64_t: two strings, so that the allocator has its say.
struct event {
  std::uint64_t id = 0;
  std::string key;
  std::string data;
};

inline event make_event(std::uint64_t id) {
  return {id, "customer-000000000000" + std::to_string(id % 1000), std::string(100, 'x')};
}

struct options {
  std::uint64_t items = 0;
  std::size_t capacity = 1024;
  bool events = false; // items are `event` instead of uint64_t
};

// Enough items for one to two seconds; a program that is given --items takes that instead.
struct default_items {
  std::uint64_t numbers = 0;
  std::uint64_t events = 0;
};

// Reads `--items N --capacity N --item uint64|event`. Anything else ends the program with status 2.
inline options read_options(int argc, char** argv, default_items defaults) {
  options out;
  bool known = argc % 2 == 1;
  for (int i = 1; known && i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    const std::string value = argv[i + 1];
    if (flag == "--item" && (value == "uint64" || value == "event"))
      out.events = value == "event";
    else if (flag == "--items" || flag == "--capacity") {
      char* end = nullptr;
      const auto number = std::strtoull(value.c_str(), &end, 10);
      known = *end == '\0' && number > 0;
      (flag == "--items" ? out.items : out.capacity) = number;
    } else
      known = false;
  }
  if (!known) {
    std::fprintf(stderr, "usage: %s [--items N] [--capacity N] [--item uint64|event]\n", argv[0]);
    std::exit(2);
  }
  if (out.items == 0)
    out.items = out.events ? defaults.events : defaults.numbers;
  return out;
}

// What the sink must find: 0..items-1, each raised by `hops`.
constexpr std::uint64_t expected_sum(std::uint64_t items, std::uint64_t hops) {
  const auto pairs = items % 2 == 0 ? items / 2 * (items - 1) : items * ((items - 1) / 2);
  return pairs + items * hops;
}

struct elapsed {
  double seconds;
  double processor_seconds; // of all threads of the process, in the kernel too
};

class stopwatch {
public:
  elapsed read() const {
    return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(),
            processor_now() - processor_start_};
  }

private:
  static double processor_now() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
  }

  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double processor_start_ = processor_now();
};

// Ends the program with status 1.
[[noreturn]] inline void fail(const char* name, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", name, why.c_str());
  std::exit(1);
}

// Prints the line bench/run.py reads.
inline void print_result(const char* name, std::uint64_t items, const elapsed& time) {
  const auto count = static_cast<double>(items);
  std::printf("{\"name\": \"%s\", \"items\": %" PRIu64 ", \"seconds\": %.6f"
              ", \"items_per_second\": %.0f, \"processor_us_per_item\": %.4f}\n",
              name, items, time.seconds, count / time.seconds,
              time.processor_seconds * 1e6 / count);
}

// The same after a check of the sum; returns 0.
inline int finish(const char* name, std::uint64_t items, const elapsed& time, std::uint64_t sum,
                  std::uint64_t hops) {
  const auto expected = expected_sum(items, hops);
  if (sum != expected)
    fail(name,
         "the sink's sum is " + std::to_string(sum) + ", expected " + std::to_string(expected));
  print_result(name, items, time);
  return 0;
}

} // namespace weir::bench
