#pragma once

#include <weir/stages/emitter.hpp>
#include <weir/supervision/failure.hpp>

#include <optional>
#include <tuple>
#include <type_traits>
#include <vector>

namespace boost::asio {
template <class, class>
class awaitable;
}

/// What a stage function's type says about the stage: what comes in, what goes out, how it may fail.
namespace weir {

class context;

/// Runs one to its end, alone. Defined in <weir/stages/awaitable.hpp>.
template <class Awaitable>
class awaitable_alone;

/// How the return type of a stage function is read.
template <class R>
struct returned {
  using output = R;
  static constexpr bool may_fail = false; // by value; every function may throw
  static constexpr bool filters = false;
  static constexpr bool many = false;
  static constexpr bool waits = false;
};
template <class R>
struct returned<result<R>> : returned<R> {
  static constexpr bool may_fail = true;
};
template <class R>
struct returned<std::optional<R>> : returned<R> {
  static constexpr bool filters = true;
};
template <class R>
struct returned<std::vector<R>> : returned<R> {
  static constexpr bool many = true;
};
template <class R, class Executor>
struct returned<boost::asio::awaitable<R, Executor>> : returned<R> {
  static constexpr bool waits = true;
};

template <class R, class... Args>
struct signature_of {
  using parameters = std::tuple<Args...>;
  using returns = R;
};

template <class F>
struct signature {};
template <class F>
  requires requires { &F::operator(); }
struct signature<F> : signature<decltype(&F::operator())> {};
template <class R, class... Args>
struct signature<R (*)(Args...)> : signature_of<R, Args...> {
  static constexpr bool is_noexcept = false;
};
template <class R, class... Args>
struct signature<R (*)(Args...) noexcept> : signature_of<R, Args...> {
  static constexpr bool is_noexcept = true;
};
template <class C, class R, class... Args>
struct signature<R (C::*)(Args...)> : signature<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct signature<R (C::*)(Args...) const> : signature<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct signature<R (C::*)(Args...) noexcept> : signature<R (*)(Args...) noexcept> {};
template <class C, class R, class... Args>
struct signature<R (C::*)(Args...) const noexcept> : signature<R (*)(Args...) noexcept> {};

/// A function or function object with exactly one, not overloaded, call signature.
template <class F>
concept plain_callable = requires {
  typename signature<std::decay_t<F>>::parameters;
};

/// A stage written as a class with state: `on_item(const input&, emitter<output>&, context&)`.
template <class S>
concept stateful_stage = requires(S stage, const typename S::input& in,
                                  emitter<typename S::output>& out, context& where) {
  stage.on_item(in, out, where);
};

/// A stateful stage whose state survives the worker: it is kept after every slice.
template <class S>
concept recoverable_stage = stateful_stage<S> && requires(S stage, const S& same) {
  stage.restore(same.checkpoint());
};

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

/// What is made anew for each worker and each restart: what `make` returns.
template <class Make>
struct factory {
  using product = std::invoke_result_t<Make&>;
  Make make;
};
template <class Make>
factory(Make) -> factory<Make>;

/// The thing that works: a prototype that is copied, or what a factory makes.
template <class F>
struct product {
  using type = F;
  static F make(F& prototype) { return prototype; }
};
template <class Make>
struct product<factory<Make>> {
  using type = typename factory<Make>::product;
  static type make(factory<Make>& from) { return from.make(); }
};
template <class F>
using product_t = typename product<F>::type;

/// Calls `on_start`, where there is one; it may return void or result<void>.
template <class S>
result<void> started(S& product, context& where) {
  if constexpr (!requires { product.on_start(where); }) {
    return {};
  } else if constexpr (std::is_void_v<decltype(product.on_start(where))>) {
    product.on_start(where);
    return {};
  } else {
    return product.on_start(where);
  }
}

/// The parameters of a stage function, read: (item), (item, context), (item, emitter), (item, emitter, context).
template <class Parameters>
struct parameters_of {
  static constexpr bool valid = false;
};
template <class Item>
struct parameters_of<std::tuple<Item>> {
  static constexpr bool valid = true, emits = false, wants_context = false;
  using item = Item;
};
template <class Item>
struct parameters_of<std::tuple<Item, context&>> {
  static constexpr bool valid = true, emits = false, wants_context = true;
  using item = Item;
};
template <class Item, class Out>
struct parameters_of<std::tuple<Item, emitter<Out>&>> {
  static constexpr bool valid = true, emits = true, wants_context = false;
  using item = Item;
  using emitted = Out;
};
template <class Item, class Out>
struct parameters_of<std::tuple<Item, emitter<Out>&, context&>> {
  static constexpr bool valid = true, emits = true, wants_context = true;
  using item = Item;
  using emitted = Out;
};

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

template <class F>
concept stage_like = stateful_stage<product_t<F>> || plain_callable<product_t<F>>;

} // namespace weir
