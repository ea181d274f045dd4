// Weir's own contestant: source -> map -> map -> sink as a user would write it, with everything on
// that is on by default: supervision, ledger, counters, dead letters. The ledger must balance.
#include <algorithm>
#include <memory>
#include <string_view>
#include <weir/bench/harness.hpp>
#include <weir/pipeline/running_pipeline.hpp>
#include <weir/supervision/flight_recorder.hpp>
#include <weir/weir.hpp>

namespace weir::bench {

std::string weir_payload(const event& item) { return item.key + " " + item.data; }

} // namespace weir::bench

namespace {

using weir::bench::event;

template <class T, class Produce>
struct numbers {
  using output = T;
  std::uint64_t items;
  Produce produce;
  std::uint64_t position = 0;

  weir::source_state poll(weir::intake<T>& in, weir::context&) {
    const auto end = std::min<std::uint64_t>(items, position + in.room());
    for (; position < end; ++position)
      in.put(produce(position));
    return position < items ? weir::source_state::more : weir::source_state::done;
  }
};

template <class T, class Produce, class Map, class Sink>
weir::pipeline_snapshot run(weir::runtime& node, const weir::bench::options& options,
                            weir::flight_recorder* recorder, Produce produce, Map map, Sink sink) {
  const weir::stage_options stage{.mailbox_capacity = static_cast<std::uint32_t>(options.capacity)};
  weir::pipeline pipeline{"bench"};
  pipeline.from("source", numbers<T, Produce>{options.items, produce})
      .via("first", map, stage)
      .via("second", map, stage)
      .to("sink", sink, stage);
  pipeline.dead_letters_to(weir::dead_letters::memory{});

  weir::running_pipeline running{std::move(pipeline), node, {}, recorder};
  if (const auto started = running.start(); !started)
    weir::bench::fail("weir", started.error().message());
  if (running.wait() != weir::running_pipeline::state::finished)
    weir::bench::fail("weir", running.why().message());
  return running.snapshot();
}

} // namespace

// `--recorder FILE` as the last two words: with the flight recorder on.
int main(int argc, char** argv) {
  std::unique_ptr<weir::flight_recorder> recorder;
  if (argc > 2 && std::string_view{argv[argc - 2]} == "--recorder") {
    auto opened = weir::flight_recorder::open(argv[argc - 1], "bench");
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
  weir::pipeline_snapshot snapshot;
  if (options.events)
    snapshot = run<event>(
        node, options, recorder.get(), [](std::uint64_t i) { return weir::bench::make_event(i); },
        [](event e) noexcept { // noexcept: the item is moved in, not copied
          ++e.id;
          return e;
        },
        [&sum](const event& e) { sum += e.id; });
  else
    snapshot = run<std::uint64_t>(
        node, options, recorder.get(), [](std::uint64_t i) { return i; },
        [](std::uint64_t x) { return x + 1; }, [&sum](std::uint64_t x) { sum += x; });
  const auto seconds = watch.seconds();
  if (recorder)
    recorder->end();

  const auto& ledger = snapshot.ledger;
  if (!ledger.balanced() || ledger.acknowledged != options.items)
    weir::bench::fail("weir", "the ledger says " + to_string(ledger));
  return weir::bench::finish("weir", options.items, seconds, sum, 2);
}
