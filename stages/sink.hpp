#pragma once

#include <weir/stages/batch.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/stage_shape.hpp>
#include <weir/supervision/failure.hpp>

#include <concepts>
#include <cstddef>
#include <vector>

/// What a sink is, and what it says of a batch.
namespace weir {

/// One item of a batch that a sink will never take.
struct rejected_item {
  std::size_t index = 0; ///< in the batch
  failure why;
};

/// What became of a batch that a sink has taken: every item is stored, but for these.
struct batch_outcome {
  std::vector<std::size_t> filtered; ///< indices of items that were there already, ascending
  std::vector<rejected_item>
      rejected; ///< become dead letters, ascending; of a row named twice, once
};

/// A sink is a function of one item that returns void or result<void>; or a class with `input` and
/// `on_item(const input&, context&)`, or, where its input is a batch,
/// `on_batch(const batch<T>&, context&)` returning result<batch_outcome>: then one bad row dead-letters one row.
/// Optional in a class: `on_start(context&)` and `on_drain(context&)`, both returning result<void>;
/// `demand(context&)`, how many items it takes now: at 0 it is asked again once woken (context::source_waker).
template <class S>
concept item_sink = requires(S sink, const typename S::input& in, context& where) {
  sink.on_item(in, where);
};
template <class S>
concept batch_sink = requires(S sink, const typename S::input& in, context& where) {
  { sink.on_batch(in, where) } -> std::convertible_to<result<batch_outcome>>;
};

template <class S>
concept demanding_sink = requires(S sink, context& where) {
  { sink.demand(where) } -> std::convertible_to<std::size_t>;
};

template <class S>
struct sink_shape;
template <class S>
  requires item_sink<S> || batch_sink<S>
struct sink_shape<S> {
  using input = typename S::input;
};
template <plain_callable F>
  requires(!item_sink<F> && !batch_sink<F>)
struct sink_shape<F> {
  using input = typename stage_shape<F>::input;
};

template <class F>
concept sink_like =
    item_sink<product_t<F>> || batch_sink<product_t<F>> || plain_callable<product_t<F>>;

} // namespace weir
