#pragma once

#include "probes.hpp"

#include <weir/actors/runtime_virtual.hpp>

namespace probes {

/// A pipeline on a node in virtual time: nothing happens between two calls.
class still {
public:
  explicit still(weir::pipeline definition, weir::virtual_choices choices = {})
      : node_{{}, std::move(choices)}, pipeline_{std::move(definition), node_} {
    if (auto started = pipeline_.start(); !started)
      ADD_FAILURE() << started.error().message();
    node_.run_until_idle();
  }

  weir::running_pipeline* operator->() { return &pipeline_; }
  weir::virtual_runtime& node() { return node_; }
  void pass(weir::clock::duration time) { node_.advance(time); }
  weir::stage_snapshot stage(std::string_view name) const {
    for (auto& one : pipeline_.snapshot().stages)
      if (one.stage == name)
        return one;
    ADD_FAILURE() << "there is no stage " << name;
    return {};
  }
  weir::ledger_totals ledger() const { return pipeline_.snapshot().ledger; }

  weir::running_pipeline::state ended() {
    const auto how = pipeline_.wait_until(node_.now() + 24h);
    if (!how)
      ADD_FAILURE() << "still running: " << to_string(pipeline_.snapshot());
    EXPECT_TRUE(ledger().balanced()) << to_string(pipeline_.snapshot());
    return how.value_or(weir::running_pipeline::state::running);
  }
  void finishes() {
    EXPECT_EQ(ended(), weir::running_pipeline::state::finished) << pipeline_.why().message();
    EXPECT_EQ(ledger().in_flight, 0U) << to_string(pipeline_.snapshot());
  }

private:
  weir::virtual_runtime node_;
  weir::running_pipeline pipeline_;
};

} // namespace probes
