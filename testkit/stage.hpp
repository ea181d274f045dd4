#pragma once

#include <weir/dead_letters/dead_letter_memory.hpp>
#include <weir/pipeline/pipeline.hpp>
#include <weir/testkit/node.hpp>
#include <weir/testkit/sink_probe.hpp>
#include <weir/testkit/source_probe.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace weir::testkit {

/// What became of a stage, a source or a sink that was run alone.
struct run_outcome {
  std::vector<dead_letter> dead_letters;
  stage_snapshot counts;      ///< processed, failed, restarts …
  ledger_totals ledger;       ///< of the pipeline that it was alone in
  clock::duration took{0};    ///< virtual time: back-off, rates, sleeps
  std::optional<failure> why; ///< the pipeline failed
};

/// What became of a stage that was run alone, and what it made.
template <class Out>
struct stage_outcome : run_outcome {
  std::vector<Out> outputs;
};

/// Runs a pipeline made for one of its stages, the `which`-th, to its end.
inline run_outcome run_alone(pipeline around, std::size_t which) {
  node here;
  const dead_letters::memory letters{SIZE_MAX};
  around.dead_letters_to(letters);
  const auto began = here.runtime().now();
  auto& run = here.run(std::move(around));
  const auto how = here.finish(run);
  const auto counted = run.snapshot();
  return {.dead_letters = letters.letters(),
          .counts = counted.stages.at(which),
          .ledger = counted.ledger,
          .took = here.runtime().now() - began,
          .why = how == running_pipeline::state::failed ? std::optional{run.why()} : std::nullopt};
}

/// A source that yields these items, and then ends.
template <class T>
source_probe<T> source_of(std::vector<T> items) {
  source_probe<T> in;
  for (auto& one : items)
    in.push(std::move(one));
  in.complete();
  return in;
}

/// Runs a stage alone: a real stage in a pipeline of its own, with restarts, retries and dead letters.
///
/// ```
/// const auto outcome = weir::testkit::run_stage<std::string>(parse, {"1", "x"});
/// EXPECT_EQ(outcome.outputs, std::vector{1});
/// EXPECT_EQ(outcome.dead_letters.at(0).why.message(), "not a number");
/// ```
/// An awaitable stage needs <weir/stages/awaitable.hpp>.
template <class In, class F>
auto run_stage(F stage, std::vector<In> items, stage_options options = {}) {
  using Out = typename internal::stage_shape<internal::product_t<F>>::output;
  const sink_probe<Out> out;
  pipeline alone{"stage-alone"};
  alone.from("in", source_of(std::move(items)))
      .via("stage", std::move(stage), options)
      .to("out", out);
  stage_outcome<Out> outcome{run_alone(std::move(alone), 1), {}};
  outcome.outputs = out.take();
  return outcome;
}

/// Runs a source alone until it is done. Throws std::logic_error if it only waits.
template <class S>
auto run_source(S source, stage_options options = {}) {
  using Out = typename internal::product_t<S>::output;
  const sink_probe<Out> out;
  pipeline alone{"source-alone"};
  alone.from("source", std::move(source), options).to("out", out);
  stage_outcome<Out> outcome{run_alone(std::move(alone), 0), {}};
  outcome.outputs = out.take();
  return outcome;
}

template <class T>
struct rows_of {
  using type = T;
};
template <class T>
struct rows_of<batch<T>> {
  using type = T;
};

/// Runs a sink alone. What a sink of batches is given comes in one batch.
template <class S>
run_outcome
run_sink(S sink,
         std::vector<
             typename rows_of<typename internal::sink_shape<internal::product_t<S>>::input>::type>
             items,
         stage_options options = {}) {
  pipeline alone{"sink-alone"};
  const auto size = static_cast<std::uint32_t>(std::max<std::size_t>(items.size(), 1));
  auto in = alone.from("in", source_of(std::move(items)));
  if constexpr (internal::is_batch<typename internal::sink_shape<internal::product_t<S>>::input>) {
    std::move(in)
        .batch("batch", {.size_max = size, .mailbox_capacity = std::max(size, 1024U)})
        .to("sink", std::move(sink), options);
    return run_alone(std::move(alone), 2);
  } else {
    std::move(in).to("sink", std::move(sink), options);
    return run_alone(std::move(alone), 1);
  }
}

} // namespace weir::testkit
