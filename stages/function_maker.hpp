#pragma once

#include <weir/stages/context.hpp>
#include <weir/stages/product.hpp>
#include <weir/stages/stage_call.hpp>
#include <weir/stages/stage_shape.hpp>
#include <weir/supervision/failure.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace weir::internal {

/// Makes the function of a stage or a sink: at the start, and a fresh one after a failure. Of a recoverable stage it
/// keeps the state, from which a fresh function goes on; of any other one it keeps nothing.
///
/// Owner: whoever calls the function, in the worker's turns.
template <class F>
class function_maker {
public:
  using function = product_t<F>;
  using state = std::optional<kept_state<function>>;

  explicit function_maker(F prototype) : prototype_{std::move(prototype)} {}

  /// Puts a fresh one, with the state and started, in the place of what was there. May throw what the function throws;
  /// then, and after a failure, the old one stays.
  result<void> make(std::unique_ptr<function>& into, context& where) {
    auto fresh = std::make_unique<function>(product<F>::make(prototype_));
    if constexpr (recoverable_stage<function>)
      if (kept_)
        fresh->restore(*kept_);
    if (auto begun = started(*fresh, where); !begun)
      return begun;
    into = std::move(fresh);
    return {};
  }
  /// The same, where the old one is to be gone before.
  result<void> make_anew(std::unique_ptr<function>& into, context& where) {
    into.reset();
    return make(into, where);
  }

  /// May throw what the function throws; then the state that was kept before stays.
  void keep([[maybe_unused]] const function& one) {
    if constexpr (recoverable_stage<function>)
      kept_ = one.checkpoint();
  }
  const state& kept() const { return kept_; }
  /// What was kept since then has not happened.
  void go_back_to(state before) { kept_ = std::move(before); }

private:
  F prototype_;
  state kept_; // of a recoverable stage
};

} // namespace weir::internal
