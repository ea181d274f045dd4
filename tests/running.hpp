#pragma once

#include <weir/actors/runtime_virtual.hpp>
#include <weir/dead_letters/dead_letter_memory.hpp>
#include <weir/pipeline/pipeline.hpp>
#include <weir/pipeline/running_pipeline.hpp>
#include <weir/testkit/testkit.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

/// A pipeline on a testkit::node of its own, and what has to hold of any that has ended: tests of pipelines are in
/// virtual time. The few that are of threads have threads.hpp.
namespace weir_test {

using namespace std::chrono_literals;
using namespace weir::testkit;

/// The numbers of `numbers(count)`, turned into something else, or those that fulfil a predicate.
template <class Change>
auto each_of(std::size_t count, Change change) {
  std::vector<std::invoke_result_t<Change&, int>> all;
  for (std::size_t n = 0; n < count; ++n)
    all.push_back(change(static_cast<int>(n)));
  return all;
}
inline std::vector<int> up_to(std::size_t count) {
  return each_of(count, [](int n) { return n; });
}
template <class Predicate>
std::vector<int> up_to(std::size_t count, Predicate predicate) {
  auto all = up_to(count);
  std::erase_if(all, [&](int n) { return !predicate(n); });
  return all;
}

/// Retries that come at once.
inline weir::retry_policy at_once(std::uint32_t attempts = 3) {
  return {.attempts = attempts, .delay_min = 0ms, .delay_max = 0ms};
}

/// A supervisor that restarts at once.
inline weir::pipeline_options restarting(std::uint32_t intensity = 5,
                                         weir::strategy strategy = weir::one_for_one) {
  return {.supervision = {.strategy = strategy,
                          .intensity = intensity,
                          .delays = {.delay_min = 0ms, .delay_max = 1ms}}};
}

inline std::string to_string(const weir::pipeline_snapshot& now) {
  auto text = to_string(now.ledger) + "; dead letters waiting "
              + std::to_string(now.dead_letters_waiting) + " " + now.dead_letters_trouble;
  for (const auto& one : now.stages)
    text += "\n  " + one.stage + ": processed " + std::to_string(one.processed) + ", failed "
            + std::to_string(one.failed) + ", restarts " + std::to_string(one.restarts)
            + ", backlog " + std::to_string(one.backlog) + " " + one.last_failure;
  return text;
}

/// What is looked at of a pipeline, whatever it runs on.
class watched_pipeline {
public:
  weir::running_pipeline* operator->() { return one_; }
  weir::ledger_totals ledger() const { return one_->snapshot().ledger; }
  weir::stage_snapshot stage(std::string_view name) const { return counts_of(*one_, name); }

  /// Waits until all of it has ended; says where it stands if that takes too long.
  weir::running_pipeline::state ended() {
    const auto how = one_->wait_until(weir::clock::now() + patience_);
    if (!how)
      ADD_FAILURE() << "still running: " << to_string(one_->snapshot());
    EXPECT_TRUE(ledger().balanced()) << to_string(one_->snapshot());
    return how.value_or(weir::running_pipeline::state::running);
  }

  /// Waits for the end of everything, which must be a good one.
  void finishes() {
    EXPECT_EQ(ended(), weir::running_pipeline::state::finished) << one_->why().message();
    EXPECT_EQ(ledger().in_flight, 0U) << to_string(one_->snapshot());
  }

protected:
  explicit watched_pipeline(weir::clock::duration patience) : patience_{patience} {}
  void watch(weir::running_pipeline& one) { one_ = &one; }

private:
  weir::clock::duration patience_;
  weir::running_pipeline* one_ = nullptr;
};

/// A pipeline on a node in virtual time; all that could happen at its start has happened.
class running : public watched_pipeline {
public:
  explicit running(weir::pipeline definition, weir::virtual_choices choices = {})
      : watched_pipeline{24h}, node_{{}, std::move(choices)} {
    watch(node_.run(std::move(definition)));
    settle();
  }

  weir::testkit::node& node() { return node_; }
  void settle() { node_.settle(); }
  void pass(weir::clock::duration time) { node_.pass(time); }

private:
  weir::testkit::node node_;
};

/// Runs it to its end and returns what it counted.
inline weir::pipeline_snapshot run(weir::pipeline definition) {
  running one{std::move(definition)};
  one.finishes();
  return one->snapshot();
}

/// What is pushed into `in_` goes through stage `one`, with a mailbox of 4, into sink `out`, with one of 4.
class ThroughOneStage : public testing::Test {
protected:
  template <class Stage>
  weir::pipeline through(Stage one, weir::stage_options options = {},
                         weir::stage_options of_sink = {}) {
    options.mailbox_capacity = 4;
    of_sink.mailbox_capacity = 4;
    weir::pipeline p{"p", restarting()};
    p.from("in", in_).via("one", one, options).to("out", out_, of_sink);
    p.dead_letters_to(letters_);
    return p;
  }

  source_probe<int> in_;
  sink_probe<int> out_;
  weir::dead_letters::memory letters_;
};

} // namespace weir_test
