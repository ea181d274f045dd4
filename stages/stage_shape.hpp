#pragma once

#include <weir/stages/emitter.hpp>
#include <weir/stages/product.hpp>
#include <weir/stages/signature.hpp>

#include <type_traits>
#include <utility>

/// What a stage's type says about the stage: what comes in, what goes out, how it may fail.
namespace weir {

/// A stage written as a class with state: `on_item(const input&, emitter<output>&, context&)`.
template <class S>
concept stateful_stage = requires(S stage, const typename S::input& in,
                                  emitter<typename S::output>& out, context& where) {
  stage.on_item(in, out, where);
};

} // namespace weir

namespace weir::internal {

/// What a stage with state does without an item: on_timer, on_drain. Both return void or result<void>.
/// What one call emits is held until there is credit for it. No option limits it: it is made of the stage's own
/// state, and so the stage has to see to it that this is bounded.
template <class S>
concept has_timer = stateful_stage<S> && requires(S stage, emitter<typename S::output>& emit,
                                                  context& where) {
  stage.on_timer(emit, where);
};
template <class S>
concept has_drain = stateful_stage<S> && requires(S stage, emitter<typename S::output>& emit,
                                                  context& where) {
  stage.on_drain(emit, where);
};

} // namespace weir::internal

namespace weir {

/// A stateful stage whose state survives the worker: it is kept after every slice.
template <class S>
concept recoverable_stage = stateful_stage<S> && requires(S stage, const S& same) {
  stage.restore(same.checkpoint());
};

} // namespace weir

namespace weir::internal {

/// What a recoverable stage keeps; of another one nothing, as an int.
template <class S>
struct kept_state_of {
  using type = int;
};
template <recoverable_stage S>
struct kept_state_of<S> {
  using type = decltype(std::declval<const S&>().checkpoint());
};
template <class S>
using kept_state = typename kept_state_of<S>::type;

template <class S>
struct stage_shape;

template <stateful_stage S>
struct stage_shape<S> {
  using input = typename S::input;
  using output = typename S::output;
  static constexpr bool waits = false;
  static constexpr bool direct = false; // one item in, at most one out, no emitter
  static constexpr bool moves_item = false;
};

template <plain_callable F>
  requires(!stateful_stage<F>)
struct stage_shape<F> {
  using call = signature<F>;
  using parameters = parameters_of<typename call::parameters>;
  static_assert(parameters::valid,
                "weir: a stage function takes (item), (item, context&), (item, emitter<Out>&) or "
                "(item, emitter<Out>&, context&)");
  using parameter = typename parameters::item;
  static_assert(
      !std::is_lvalue_reference_v<parameter> || std::is_const_v<std::remove_reference_t<parameter>>,
      "weir: a stage function takes its item by const reference or by value, never by "
      "mutable reference: a failed item is run again as it was");
  using input = std::remove_cvref_t<parameter>;
  using returns = returned<typename call::returns>;

  template <class P>
  struct output_of {
    using type = typename returns::output;
  };
  template <class P>
  requires P::emits struct output_of<P> {
    using type = typename P::emitted;
    static_assert(std::is_void_v<typename returns::output>,
                  "weir: a stage function with an emitter returns void or result<void>");
  };
  using output = typename output_of<parameters>::type;

  static constexpr bool waits = returns::waits;
  static constexpr bool direct = !parameters::emits && !returns::many && !waits;
  /// The item may be moved into the call only where the call can't fail; else it is copied, so that it can be
  /// run again.
  static constexpr bool moves_item =
      !std::is_lvalue_reference_v<parameter> && call::is_noexcept && !returns::may_fail;
  static_assert(
      std::is_lvalue_reference_v<parameter> || moves_item || std::is_copy_constructible_v<input>,
      "weir: an item that can't be copied must be taken by const reference, or by value in a "
      "noexcept function that does not return result");
};

} // namespace weir::internal

namespace weir {

template <class F>
concept stage_like =
    stateful_stage<internal::product_t<F>> || internal::plain_callable<internal::product_t<F>>;

} // namespace weir
