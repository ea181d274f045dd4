// Weir's contestant where one stage is what matters: source -> stage -> sink, with several items in
// hand, with several workers, or with an item that keeps failing. Everything is on that is by default.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <utility>
#include <weir/bench/harness.hpp>
#include <weir/bench/weir_run.hpp>
#include <weir/bench/work.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/weir.hpp>

namespace {

using namespace std::chrono_literals;
using weir::bench::elapsed;
using weir::bench::fail;
using weir::bench::stopwatch;

constexpr auto usage = "function|threads|awaitable|all_pass|first_fails [--items N] "
                       "[--in_flight N] [--workers N] [--work MICROSECONDS]";

struct settings {
  std::string stage;
  std::uint32_t items = 100'000;
  std::uint32_t in_flight = 1;
  std::uint32_t workers = 1;
  std::uint32_t work = 0;
};

settings read_settings(int argc, char** argv) {
  settings out;
  const std::map<std::string, std::uint32_t*> known = {{"--items", &out.items},
                                                       {"--in_flight", &out.in_flight},
                                                       {"--workers", &out.workers},
                                                       {"--work", &out.work}};
  try {
    out.stage = argc % 2 == 0 ? argv[1] : "";
    for (int i = 2; i + 1 < argc; i += 2)
      *known.at(argv[i]) = static_cast<std::uint32_t>(std::stoul(argv[i + 1]));
  } catch (const std::exception&) {
    out.stage.clear();
  }
  return out;
}

template <class F, class Sink>
void run(weir::runtime& node, std::uint64_t items, F function, const weir::stage_options& stage,
         Sink sink) {
  const auto same = [](std::uint64_t i) { return i; };
  weir::pipeline pipeline{"bench"};
  pipeline.from("source", weir::bench::numbers<std::uint64_t, decltype(same)>{items, same})
      .via("stage", std::move(function), stage)
      .to("sink", std::move(sink));
  pipeline.dead_letters_to(weir::dead_letters::memory{});
  weir::bench::run_to_end(std::move(pipeline), node, items);
}

int several(weir::runtime& node, const settings& how) {
  const auto steps = how.work == 0 ? 0 : weir::bench::steps_of(how.work);
  const auto spin = [steps](const std::uint64_t& x) { return weir::bench::spin(x, steps); };
  const auto spin_later = [steps](const std::uint64_t& x) -> boost::asio::awaitable<std::uint64_t> {
    co_return weir::bench::spin(x, steps);
  };
  weir::stage_options stage{.workers = how.workers, .in_flight_max = how.in_flight};
  if (how.stage == "threads")
    stage.item_time_max = 60s;
  std::uint64_t sum = 0;
  const auto add = [&sum](const std::uint64_t& x) { sum += x; };

  const stopwatch watch;
  if (how.stage == "awaitable")
    run(node, how.items, spin_later, stage, add);
  else
    run(node, how.items, spin, stage, add);
  const auto time = watch.read();

  if (sum != weir::bench::sum_of_spun(how.items, steps))
    fail("weir", "the sink's sum is wrong");
  weir::bench::print_result("weir", how.items, time);
  return 0;
}

// The first item fails until all others are in the sink, whose rate is what is measured.
int beside_a_failure(weir::runtime& node, const settings& how) {
  const weir::stage_options stage{.mailbox_capacity = 65'536,
                                  .retry = {.attempts = weir::unlimited, .delay_max = 50ms},
                                  .in_flight_max = how.in_flight,
                                  .order = weir::order::relaxed};
  const auto others = how.items - 1;
  std::atomic<bool> pass = how.stage == "all_pass";
  std::uint64_t sum = 0;
  std::uint32_t arrived = 0;
  elapsed time{};

  const stopwatch watch;
  run(
      node, how.items,
      [&pass](const std::uint64_t& x) -> weir::result<std::uint64_t> {
        if (x == 0 && !pass)
          return weir::transient("not yet");
        return x;
      },
      stage,
      [&](const std::uint64_t& x) {
        sum += x;
        if (++arrived == others) {
          time = watch.read();
          pass = true;
        }
      });

  if (sum != weir::bench::expected_sum(how.items, 0))
    fail("weir", "the sink's sum is wrong");
  weir::bench::print_result("weir", others, time);
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  const auto how = read_settings(argc, argv);
  weir::runtime node{{.threads = 2}};
  if (how.stage == "function" || how.stage == "threads" || how.stage == "awaitable")
    return several(node, how);
  if (how.stage == "all_pass" || how.stage == "first_fails")
    return beside_a_failure(node, how);
  std::fprintf(stderr, "usage: %s %s\n", argv[0], usage);
  return 2;
}
