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

/// How the type of a function is read: its parameters, what it returns, how it may fail.
namespace weir {

class context;

} // namespace weir

namespace weir::internal {

/// Runs an awaitable to its end, alone. Defined in <weir/stages/awaitable.hpp>.
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

} // namespace weir::internal
