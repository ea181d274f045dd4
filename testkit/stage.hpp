#pragma once

#include <weir/actors/pipeline.hpp>
#include <weir/supervision/dead_letter_memory.hpp>
#include <weir/testkit/node.hpp>
#include <weir/testkit/sink_probe.hpp>
#include <weir/testkit/source_probe.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace weir::testkit {

/// What a stage made of its items.
template <class Out>
struct stage_outcome {
  std::vector<Out> outputs;
  std::vector<dead_letter> dead_letters;
  stage_snapshot counts;      ///< processed, failed, restarts …
  ledger_totals ledger;       ///< of the pipeline that it was alone in
  clock::duration took{0};    ///< virtual time: back-off, rates, sleeps
  std::optional<failure> why; ///< the pipeline gave up
};

/// Runs a stage alone: a real stage in a pipeline of its own, with restarts, retries and dead letters.
///
/// ```
/// const auto outcome = weir::testkit::run_stage<std::string>(parse, {"1", "x"});
/// EXPECT_EQ(outcome.outputs, std::vector{1});
/// EXPECT_EQ(outcome.dead_letters.at(0).why.message(), "not a number");
/// ```
/// An awaitable stage needs <weir/actors/awaitable.hpp>.
template <class In, class F>
auto run_stage(F stage, std::vector<In> items, stage_options options = {}) {
  using Out = typename stage_shape<product_t<F>>::output;
  node here;
  source_probe<In> in;
  sink_probe<Out> out;
  dead_letters::memory letters{items.size() + 1};
  pipeline alone{"stage-alone"};
  alone.from("in", in).via("stage", std::move(stage), options).to("out", out);
  alone.dead_letters_to(letters);
  for (auto& one : items)
    in.push(std::move(one));
  in.complete();

  const auto began = here.runtime().now();
  auto& run = here.run(std::move(alone));
  const auto how = here.finish(run);
  const auto counted = run.snapshot();
  return stage_outcome<Out>{.outputs = out.take(),
                            .dead_letters = letters.letters(),
                            .counts = counted.stages.at(1),
                            .ledger = counted.ledger,
                            .took = here.runtime().now() - began,
                            .why = how == running_pipeline::state::failed ? std::optional{run.why()}
                                                                          : std::nullopt};
}

} // namespace weir::testkit
