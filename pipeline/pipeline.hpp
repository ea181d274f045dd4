#pragma once

#include <weir/pipeline/flow.hpp>
#include <weir/pipeline/plan.hpp>
#include <weir/stages/source.hpp>
#include <weir/stages/source_stepper.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir {

struct pipeline_options {
  supervision_options supervision = {};
  replay_settings replay = {};
};

/// A pipeline under construction: a graph of stages, written down with typed flows and run by a node.
///
/// ```
/// weir::pipeline orders{"orders"};
/// orders.from("ingest", source).via("parse", parse, {.workers = 2}).to("store", store);
/// orders.dead_letters_to(weir::dead_letters::memory{});
/// ```
class pipeline {
public:
  explicit pipeline(std::string name, pipeline_options options = {});
  pipeline(pipeline&&) noexcept = default;
  pipeline& operator=(pipeline&&) noexcept = default;

  const std::string& name() const noexcept { return plan_->graph.name; }

  /// Begins a flow at a source: see source.hpp.
  template <class S>
  auto from(std::string name, S source, stage_options options = {}) {
    static_assert(source_like<internal::product_t<S>>,
                  "weir: a source has output and poll(intake<output>&, context&), which returns "
                  "source_state or result<source_state>");
    if constexpr (!source_like<internal::product_t<S>>)
      return internal::broken_flow{};
    else
      return from_source(std::move(name), std::move(source), options);
  }

  /// Several flows of this pipeline and of one type as one, in the order the items come.
  template <class T, class... More>
  flow<T> merge(flow<T> first, More... more) {
    constexpr bool fits = (std::same_as<More, flow<T>> && ...);
    static_assert(fits, "weir: merge takes flows of one item type");
    flow<T> whole{plan_, {}};
    whole.hold_key_ = first.hold_key_;
    whole.held_max_ = first.held_max_;
    if constexpr (fits) {
      join(whole, first);
      (join(whole, more), ...);
    }
    return whole;
  }

  /// Where items go that can't go on: a dead_letter_store. Needed as soon as a stage may fail.
  template <std::derived_from<dead_letter_store> Store>
  void dead_letters_to(Store store) {
    dead_letters_to(std::make_shared<Store>(std::move(store)));
  }
  void dead_letters_to(std::shared_ptr<dead_letter_store> store);
  /// How letters are replayed that others ask the store for, whatever the options said.
  void replay_at(rate_limit rate);
  /// Null if there is none.
  std::shared_ptr<dead_letter_store> dead_letters() const;

  /// Where the pipeline keeps how far its sources are settled: each life goes on where the last one was. A sink that writes
  /// into the same database stores that with its rows, in one transaction: then each row is there once, whatever
  /// happens. Other sinks get a few items again after a crash, or where partitions change hands.
  void positions_in(std::shared_ptr<position_store> store);

  /// What keeps the pipeline from running, a sentence each; empty if nothing does.
  std::vector<std::string> validate() const { return plan_->graph.problems(); }

  /// The finished graph as plain data, as JSON, and as a drawing for Graphviz.
  const graph& as_graph() const { return plan_->graph; }
  std::string describe() const { return plan_->graph.to_json(); }
  std::string draw() const { return plan_->graph.to_dot(); }

private:
  friend class running_pipeline;

  template <class T>
  void join(flow<T>& whole, flow<T>& one) {
    if (may_join(one.plan_, one.ends_.empty(), one.hold_key_ == whole.hold_key_))
      whole.ends_.insert(whole.ends_.end(), one.ends_.begin(), one.ends_.end());
  }
  /// May a flow be part of a merge? If not, that is a mistake in the graph.
  bool may_join(const internal::shared_plan& from, bool used, bool held_alike);

  template <class S>
  flow<typename internal::product_t<S>::output> from_source(std::string name, S source,
                                                            stage_options options) {
    using source_type = internal::product_t<S>;
    using Out = typename source_type::output;
    const auto index = plan_->graph.stages.size();
    auto partition_of = [source, name]() mutable {
      internal::partition_start start{.name = name};
      auto sample = internal::product<S>::make(source);
      if constexpr (requires { sample.partition(); })
        start.name = sample.partition();
      if constexpr (requires { sample.resume_after(); })
        start.resume_after = sample.resume_after();
      if constexpr (requires { sample.positions_last(); })
        start.lasts = sample.positions_last();
      if constexpr (requires { sample.marks(); })
        start.marks = sample.marks();
      if constexpr (requires(const known_partitions& known) { sample.begins(known); })
        start.begins = [of = std::make_shared<source_type>(sample)](const known_partitions& known) {
          return of->begins(known);
        };
      start.keeps_outcomes = internal::keeps_outcomes<source_type>;
      start.opened_later = internal::opens_partitions<source_type>;
      return start;
    };
    plan_->graph.stages.push_back({.name = std::move(name),
                                   .kind = stage_kind::source,
                                   .options = options,
                                   .batch = {},
                                   .input = {},
                                   .output = internal::type_name(typeid(Out)),
                                   .may_fail = false, // what it can't read it can't dead-letter
                                   .waits = false});
    plan_->stages.push_back({[source](const internal::ports& where, std::uint32_t partition) {
                               return std::make_unique<internal::source_stepper<S>>(where, source,
                                                                                    partition);
                             },
                             std::move(partition_of)});
    return {plan_, {{index, 0}}};
  }

  std::shared_ptr<internal::plan> plan_;
};

} // namespace weir
