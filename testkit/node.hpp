#pragma once

#include <weir/actors/runtime_virtual.hpp>
#include <weir/pipeline/running_pipeline.hpp>
#include <weir/testkit/seeded.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string_view>

namespace weir::testkit {

/// A node for tests: whole pipelines on one thread, in a time that passes when the test says so. Nothing
/// sleeps: an hour's back-off costs nothing, and what didn't happen didn't happen.
///
/// ```
/// weir::testkit::node node;
/// auto& orders = node.run(make_orders(source, sink));
/// node.settle();       // everything that can happen now
/// node.pass(200ms);    // the batch's delay
/// ```
///
/// Owner: the thread that made it. Pipelines live as long as the node.
class node {
public:
  /// With a seed, chance picks who has the next turn and how many items a slice takes: the same seed leads to
  /// the same run. Without one, turns are taken in the order they were asked for.
  explicit node(std::optional<std::uint64_t> seed = {});
  /// Whatever is chosen is the test's choice.
  explicit node(runtime_options options, virtual_choices choices = {});

  virtual_runtime& runtime() noexcept { return runtime_; }
  time_point now() const noexcept { return runtime_.now(); }

  /// Starts a pipeline. Throws std::invalid_argument, with its problems, if it can't run.
  running_pipeline& run(pipeline definition);

  /// Lets everything happen that can happen without time passing.
  void settle() { runtime_.run_until_idle(); }
  /// Lets time pass, and everything happen that it leads to.
  void pass(clock::duration time) { runtime_.advance(time); }
  /// Lets things happen, and time pass, until a fact holds; false if it doesn't by then.
  bool until(const std::function<bool()>& fact, clock::duration within = std::chrono::hours{24});
  /// Lets time pass until the pipeline has ended. Throws std::logic_error if it can't end any more: a source
  /// that never completes, a store that nobody makes room in.
  running_pipeline::state finish(running_pipeline& one) { return one.wait(); }
  /// The next function that a stage with an item_time_max calls begins so much later: longer than that limit, and
  /// its worker is stuck.
  void stall(clock::duration time) noexcept { stall_ = time; }
  /// Stops the sources and finishes what is in flight.
  running_pipeline::state drain(running_pipeline& one);

private:
  std::optional<seeded> chance_;
  clock::duration stall_{0};
  virtual_runtime runtime_;
  std::deque<running_pipeline> pipelines_;
};

/// What a stage has done so far. Throws std::invalid_argument if there is none of that name.
stage_snapshot counts_of(const running_pipeline& one, std::string_view stage);

} // namespace weir::testkit
