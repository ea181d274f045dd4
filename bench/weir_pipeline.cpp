// Weir's own contestant: source -> map -> map -> sink as a user would write it, with everything on
// that is on by default: supervision, ledger, counters, dead letters. The ledger must balance.
#include <memory>
#include <string_view>
#include <utility>
#include <weir/bench/harness.hpp>
#include <weir/bench/weir_run.hpp>
#include <weir/supervision/flight_recorder.hpp>
#include <weir/weir.hpp>

namespace weir::bench {

std::string weir_payload(const event& item) { return item.key + " " + item.data; }

} // namespace weir::bench

namespace {

using weir::bench::event;

template <class T, class Produce, class Map, class Sink>
void run(weir::runtime& node, const weir::bench::options& options,
         weir::internal::flight_recorder* recorder, Produce produce, Map map, Sink sink) {
  const weir::stage_options stage{.mailbox_capacity = static_cast<std::uint32_t>(options.capacity)};
  weir::pipeline pipeline{"bench"};
  pipeline.from("source", weir::bench::numbers<T, Produce>{options.items, produce})
      .via("first", map, stage)
      .via("second", map, stage)
      .to("sink", sink, stage);
  pipeline.dead_letters_to(weir::dead_letters::memory{});

  weir::bench::run_to_end(std::move(pipeline), node, options.items, recorder);
}

} // namespace

// `--recorder FILE` as the last two words: with the flight recorder on.
int main(int argc, char** argv) {
  std::unique_ptr<weir::internal::flight_recorder> recorder;
  if (argc > 2 && std::string_view{argv[argc - 2]} == "--recorder") {
    auto opened = weir::internal::flight_recorder::open(argv[argc - 1], "bench");
    if (!opened)
      weir::bench::fail("weir", opened.error().message());
    recorder = std::move(*opened);
    argc -= 2;
  }
  const auto options =
      weir::bench::read_options(argc, argv, {.numbers = 120'000'000, .events = 8'000'000});
  weir::runtime node{{.threads = 2}};
  std::uint64_t sum = 0;

  const weir::bench::stopwatch watch;
  if (options.events)
    run<event>(
        node, options, recorder.get(), [](std::uint64_t i) { return weir::bench::make_event(i); },
        [](event e) noexcept { // noexcept: the item is moved in, not copied
          ++e.id;
          return e;
        },
        [&sum](const event& e) { sum += e.id; });
  else
    run<std::uint64_t>(
        node, options, recorder.get(), [](std::uint64_t i) { return i; },
        [](std::uint64_t x) { return x + 1; }, [&sum](std::uint64_t x) { sum += x; });
  const auto time = watch.read();
  if (recorder)
    recorder->end();

  return weir::bench::finish("weir", options.items, time, sum, 2);
}
