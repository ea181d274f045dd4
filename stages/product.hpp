#pragma once

#include <weir/supervision/failure.hpp>

#include <type_traits>

namespace weir {

class context;

/// What is made anew for each worker and each restart: what `make` returns.
template <class Make>
struct factory {
  using product = std::invoke_result_t<Make&>;
  Make make;
};
template <class Make>
factory(Make) -> factory<Make>;

} // namespace weir

namespace weir::internal {

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

} // namespace weir::internal
