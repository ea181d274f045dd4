#include "simulation.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/// Runs seeds on all cores, each range in a process of its own: a seed that takes its process down is a
/// failure like another.
namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using simulation::events_count;
using simulation::faults_count;

struct arguments {
  std::uint64_t seeds = 10'000;
  std::uint64_t from = 1;
  double minutes = 0;               // 0: as many seeds as were asked for
  std::optional<std::uint64_t> one; // replay
  bool shrink = true;
  std::size_t failures_max = 3; // of each process, then it stops
  std::size_t jobs = std::max(1U, std::thread::hardware_concurrency());
  simulation::reduction without;
};

constexpr auto usage =
    R"(usage: simulate [--seeds N] [--from S] [--minutes M] [--jobs J] [--failures N] [--no-shrink]
       simulate --seed S [--items N] [--without FAULT,FAULT] [--without-segments 0,2] [--simple-schedule]
)";

/// From here on each fault must have fired once in a hundred seeds, and each event come about.
constexpr std::uint64_t seeds_that_fire_all = 20'000;

/// What a worker process tells, in memory that both have.
struct progress {
  std::atomic<std::uint64_t> seed{0}; // that it runs now
  std::atomic<std::uint64_t> seeds{0};
  std::atomic<std::uint64_t> steps{0};
  std::atomic<std::uint64_t> lives{0};
  std::atomic<std::uint64_t> reruns{0}; // for the fingerprint
  std::atomic<std::uint64_t> fired[faults_count]{};
  std::atomic<std::uint64_t> came_about[events_count]{};
  std::atomic<std::uint64_t> failures{0};
};

void add(std::atomic<std::uint64_t>& counter, std::uint64_t value) {
  counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

std::string command_for(std::uint64_t seed, const simulation::reduction& without) {
  std::string text = "scripts/simulate.sh --seed " + std::to_string(seed);
  if (without.items)
    text += " --items " + std::to_string(*without.items);
  std::string list;
  for (std::size_t k = 0; k < faults_count; ++k)
    if (without.without[k])
      list += (list.empty() ? "" : ",")
              + std::string{simulation::name_of(static_cast<simulation::fault>(k))};
  if (!list.empty())
    text += " --without " + list;
  list.clear();
  for (std::size_t k = 0; k < without.segments.size(); ++k)
    if (without.segments[k])
      list += (list.empty() ? "" : ",") + std::to_string(k);
  if (!list.empty())
    text += " --without-segments " + list;
  if (without.simple_schedule)
    text += " --simple-schedule";
  return text;
}

void report(std::uint64_t seed, const std::string& violation, bool shrink) {
  std::cout << "\nseed " << seed << " FAILED: " << violation
            << "\n  replay: " << command_for(seed, {}) << std::endl;
  if (!shrink)
    return;
  const auto smaller = simulation::shrink(seed);
  std::cout << "  smaller: " << command_for(seed, smaller) << "\n    "
            << simulation::run(seed, smaller).violation << std::endl;
}

/// Runs seeds first, first + step … in this process.
void work(const arguments& given, std::uint64_t first, std::uint64_t step,
          clock_type::time_point end, progress& shown) {
  for (auto seed = first; given.minutes > 0 || seed < given.from + given.seeds; seed += step) {
    if (given.minutes > 0 && clock_type::now() >= end)
      break;
    shown.seed = seed;
    auto done = simulation::run(seed);
    if (seed % 64 == 0) { // the same seed must lead to the same run, bit for bit
      add(shown.reruns, 1);
      if (done.violation.empty() && simulation::run(seed).fingerprint != done.fingerprint)
        done.violation = "determinism: two runs of the seed differ";
    }
    add(shown.seeds, 1);
    add(shown.steps, done.steps);
    add(shown.lives, done.lives);
    for (std::size_t k = 0; k < faults_count; ++k)
      add(shown.fired[k], done.fired[k]);
    for (std::size_t k = 0; k < events_count; ++k)
      add(shown.came_about[k], done.came_about[k]);
    if (!done.violation.empty()) {
      const auto index = shown.failures.load();
      add(shown.failures, 1);
      report(seed, done.violation, given.shrink && index == 0);
      if (index + 1 >= given.failures_max)
        return;
    }
  }
  shown.seed = 0;
}

int run_one(const arguments& given) {
  std::vector<std::string> trace;
  const auto done = simulation::run(*given.one, given.without, &trace);
  for (const auto& line : trace)
    std::cout << line << '\n';
  std::cout << (done.violation.empty() ? "no invariant was violated" : "VIOLATED " + done.violation)
            << "\nfingerprint " << done.fingerprint << std::endl;
  std::uint64_t faults = 0;
  for (const auto count : done.fired)
    faults += count;
  std::cout << "seeds 1 steps " << done.steps << " faults " << faults << " failures "
            << (done.violation.empty() ? 0 : 1) << std::endl;
  return done.violation.empty() ? 0 : 1;
}

int run_all(const arguments& given) {
  const auto jobs = given.jobs;
  auto* const memory = ::mmap(nullptr, sizeof(progress) * jobs, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    return 2;
  }
  auto* const shown = static_cast<progress*>(memory);
  for (std::size_t k = 0; k < jobs; ++k)
    new (shown + k) progress;
  const auto began = clock_type::now();
  const auto end =
      began
      + std::chrono::duration_cast<clock_type::duration>(given.minutes * std::chrono::minutes{1});

  struct child {
    pid_t pid = 0;
    std::uint64_t seen_seed = 0;
    clock_type::time_point seen_at;
  };
  std::vector<child> children(jobs);
  const auto start = [&](std::size_t k, std::uint64_t first) {
    std::cout.flush();
    const auto pid = ::fork();
    if (pid == 0) {
      work(given, first, jobs, end, shown[k]);
      std::cout.flush();
      std::_Exit(0);
    }
    children[k] = {pid, 0, clock_type::now()};
  };
  const auto total = [&](auto which) {
    std::uint64_t sum = 0;
    for (std::size_t k = 0; k < jobs; ++k)
      sum += which(shown[k]).load();
    return sum;
  };
  for (std::size_t k = 0; k < jobs; ++k)
    start(k, given.from + k);

  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  auto last_shown = began;
  for (auto running = jobs; running > 0;) {
    int status = 0;
    const auto pid = ::waitpid(-1, &status, WNOHANG);
    const auto now = clock_type::now();
    if (pid > 0) {
      const auto k = static_cast<std::size_t>(std::ranges::find(children, pid, &child::pid)
                                              - children.begin());
      const auto seed = shown[k].seed.load();
      if (WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0)) {
        const auto* const why = WIFSIGNALED(status) ? ::strsignal(WTERMSIG(status)) : "exit";
        std::cout << "\nseed " << seed << " FAILED: its process ended by itself (" << why
                  << ")\n  replay: " << command_for(seed, {}) << std::endl;
        add(shown[k].failures, 1);
        add(shown[k].seeds, 1);
        if (shown[k].failures < given.failures_max) {
          start(k, seed + jobs);
          continue;
        }
      }
      --running;
      children[k].pid = 0;
      continue;
    }
    for (std::size_t k = 0; k < jobs; ++k) {
      auto& one = children[k];
      if (one.pid == 0)
        continue;
      if (const auto seed = shown[k].seed.load(); seed != one.seen_seed)
        one = {one.pid, seed, now};
      else if (now - one.seen_at
               > 60s) { // a seed takes milliseconds: something goes round in circles
        std::cout << "\nseed " << seed << " hangs" << std::endl;
        ::kill(one.pid, SIGKILL);
        one.seen_at = now;
      }
    }
    if (terminal ? now - last_shown > 200ms : now - last_shown > 30s) {
      last_shown = now;
      const auto seeds = total([](auto& one) -> auto& { return one.seeds; });
      const auto seconds = std::chrono::duration<double>(now - began).count();
      std::printf(
          "%s%llu seeds, %.0f a second, %llu failures%s", terminal ? "\r" : "",
          static_cast<unsigned long long>(seeds), static_cast<double>(seeds) / seconds,
          static_cast<unsigned long long>(total([](auto& one) -> auto& { return one.failures; })),
          terminal ? " " : "\n");
      std::fflush(stdout);
    }
    std::this_thread::sleep_for(20ms);
  }

  const auto seconds = std::chrono::duration<double>(clock_type::now() - began).count();
  const auto seeds = total([](auto& one) -> auto& { return one.seeds; });
  // Ten times in a thousand seeds, once there are enough of them: what hardly ever happens is not tried.
  const auto fired_least = seeds >= seeds_that_fire_all ? seeds / 100 : 0;
  std::string too_rare;
  std::uint64_t faults = 0;
  const auto show = [&](std::string_view name, std::uint64_t times) {
    if (times < fired_least)
      too_rare += " " + std::string{name};
    std::printf("%-28s %12llu\n", std::string{name}.c_str(),
                static_cast<unsigned long long>(times));
  };
  std::printf("%s\n%-28s %12s\n", terminal ? "\r" : "", "fault point", "fired");
  for (std::size_t point = 0; point < faults_count; ++point) {
    const auto fired = total([point](auto& one) -> auto& { return one.fired[point]; });
    faults += fired;
    show(simulation::name_of(static_cast<simulation::fault>(point)), fired);
  }
  std::printf("\n%-28s %12s\n", "event", "came about");
  for (std::size_t which = 0; which < events_count; ++which)
    show(simulation::name_of(static_cast<simulation::event>(which)),
         total([which](auto& one) -> auto& { return one.came_about[which]; }));
  const auto count = [&](auto which) { return static_cast<unsigned long long>(total(which)); };
  const auto failures = count([](auto& one) -> auto& { return one.failures; });
  std::printf("\n%llu lives of nodes, %llu seeds run twice and compared, %.1f s\n",
              count([](auto& one) -> auto& { return one.lives; }),
              count([](auto& one) -> auto& { return one.reruns; }), seconds);
  if (!too_rare.empty())
    std::printf("FAILED: fired less than %llu times:%s\n",
                static_cast<unsigned long long>(fired_least), too_rare.c_str());
  std::printf("seeds %llu steps %llu faults %llu failures %llu\n",
              static_cast<unsigned long long>(seeds),
              count([](auto& one) -> auto& { return one.steps; }),
              static_cast<unsigned long long>(faults), failures);
  return failures == 0 && too_rare.empty() ? 0 : 1;
}

template <class T>
bool number(std::string_view text, T& into) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), into);
  return wrong == std::errc{} && end == text.data() + text.size();
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= list.size();) {
    const auto comma = std::min(list.find(',', at), list.size());
    parts.emplace_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

/// What is wrong with the command line; empty if nothing is.
std::string parse(int argc, char** argv, arguments& into) {
  for (int k = 1; k < argc; ++k) {
    const std::string_view option = argv[k];
    if (option == "--simple-schedule") {
      into.without.simple_schedule = true;
      continue;
    }
    if (option == "--no-shrink") {
      into.shrink = false;
      continue;
    }
    if (++k == argc)
      return std::string{option} + " needs a value";
    const std::string_view value = argv[k];
    auto wrong = std::string{option} + ": '" + std::string{value} + "' is not a number";
    if (option == "--seeds" && !number(value, into.seeds))
      return wrong;
    if (option == "--from" && !number(value, into.from))
      return wrong;
    if (option == "--minutes" && !number(value, into.minutes))
      return wrong;
    if (option == "--failures" && !number(value, into.failures_max))
      return wrong;
    if (option == "--jobs" && (!number(value, into.jobs) || into.jobs == 0))
      return wrong;
    if (option == "--seed" && !number(value, into.one.emplace()))
      return wrong;
    if (option == "--items" && !number(value, into.without.items.emplace()))
      return wrong;
    if (option == "--without") {
      for (const auto& name : split(value)) {
        const auto which = simulation::fault_named(name);
        if (!which)
          return "--without: there is no fault '" + name + "'";
        into.without.without[static_cast<std::size_t>(*which)] = true;
      }
    } else if (option == "--without-segments") {
      for (const auto& text : split(value)) {
        std::size_t index = 0;
        if (!number(text, index) || index > 100)
          return "--without-segments: '" + text + "' is not the number of a segment";
        into.without.segments.resize(std::max(into.without.segments.size(), index + 1));
        into.without.segments[index] = true;
      }
    } else if (option != "--seeds" && option != "--from" && option != "--minutes"
               && option != "--failures" && option != "--jobs" && option != "--seed"
               && option != "--items") {
      return "there is no option " + std::string{option};
    }
  }
  if (into.seeds == 0)
    return "--seeds: there is nothing to run";
  return {};
}

} // namespace

int main(int argc, char** argv) {
  if (argc == 2 && (std::string_view{argv[1]} == "--help" || std::string_view{argv[1]} == "-h")) {
    std::cout << usage;
    return 0;
  }
  arguments given;
  if (const auto wrong = parse(argc, argv, given); !wrong.empty()) {
    std::cerr << "simulate: " << wrong << '\n' << usage;
    return 2;
  }
  return given.one ? run_one(given) : run_all(given);
}
