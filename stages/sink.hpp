#pragma once

#include <weir/stages/batch.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/signature.hpp>
#include <weir/stages/stage_shape.hpp>
#include <weir/supervision/failure.hpp>

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/// What a sink is, and what it says of a batch.
namespace weir {

class settlement; // <weir/stages/settlement.hpp>

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
  /// Partitions that another process has claimed (see position_store): nothing was stored. Their rows are returned, the
  /// rest of the batch is run again.
  std::vector<std::string> fenced = {};
};

/// A sink is a function of one item that returns void or result<void>; or a class with `input` and
/// `on_item(const input&, context&)`, or, where its input is a batch,
/// `on_batch(const batch<T>&, context&)` returning result<batch_outcome>: then one bad row dead-letters one row.
/// Optional in a class: `on_start(context&)` and `on_drain(context&)`, both returning result<void>;
/// `demand(context&)`, how many items it takes now: at 0 it is asked again once woken (context::source_waker).
///
/// A sink may settle later, and has up to stage_options::in_flight_max items in hand until then:
/// - a class whose `on_item(const input&, settlement, context&)` or `on_batch(const batch<T>&, settlement, context&)`
///   returns void or result<void>: see late_sink;
/// - a function or a class that returns awaitable<result<void>>, for a batch awaitable<result<batch_outcome>>: see
///   awaitable_sink.
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

} // namespace weir

namespace weir::internal {

/// How the forms of a sink are told apart.
namespace sinks {

template <class R>
concept void_or_result = std::is_void_v<R> || std::same_as<R, result<void>>;

template <class S>
concept late_of_items = requires(S sink, const typename S::input& in, settlement&& token,
                                 context& where) {
  { sink.on_item(in, std::move(token), where) } -> void_or_result;
};
template <class S>
concept late_of_batches = is_batch<typename S::input> && requires(S sink,
                                                                  const typename S::input& in,
                                                                  settlement&& token,
                                                                  context& where) {
  { sink.on_batch(in, std::move(token), where) } -> void_or_result;
};

template <class Parameters>
inline constexpr bool names_settlement = false;
template <class... P>
inline constexpr bool
    names_settlement<std::tuple<P...>> = (std::same_as<std::remove_cvref_t<P>, settlement> || ...);
/// Does it take a settlement, in whatever form?
template <class S>
concept takes_settlement =
    names_settlement<typename signature<decltype(&S::on_item)>::parameters> || names_settlement<
        typename signature<decltype(&S::on_batch)>::parameters>;

template <class S>
concept awaitable_of_items = item_sink<S> && requires(S sink, const typename S::input& in,
                                                      context& where) {
  requires returned<decltype(sink.on_item(in, where))>::waits;
};
template <class S>
concept awaitable_of_batches = is_batch<typename S::input> && requires(S sink,
                                                                       const typename S::input& in,
                                                                       context& where) {
  requires returned<decltype(sink.on_batch(in, where))>::waits;
  requires std::same_as<typename returned<decltype(sink.on_batch(in, where))>::output,
                        batch_outcome>;
};
template <class S>
concept awaitable_function = plain_callable<S> && requires {
  requires returned<typename signature<S>::returns>::waits;
};

template <class S>
concept written_as_class = item_sink<S> || batch_sink<S> || late_of_items<S> || late_of_batches<
    S> || awaitable_of_batches<S>;
/// It answers for each item of a batch.
template <class S>
concept of_batches = batch_sink<S> || late_of_batches<S> || awaitable_of_batches<S>;

/// "Send what you still hold back": asked once no item is to come while some are unsettled, and before a fresh sink
/// takes its place. Then it has late_runner::flush_time_max to settle what it has; what it has not is run again.
template <class S>
concept flushing = requires(S sink, context& where) {
  sink.flush(where);
};

} // namespace sinks

} // namespace weir::internal

namespace weir {

/// A sink that settles later, from anywhere: it keeps the settlement that it is given, and may keep the item back too,
/// as a copy: what it is given is there during the call only. A failure that the call returns is the item's, and voids
/// the settlement. Optional beside what every sink may have: `flush(context&)`, see sinks::flushing.
template <class S>
concept late_sink = internal::sinks::late_of_items<S> || internal::sinks::late_of_batches<S>;

/// A sink that waits for each item, or batch, in a coroutine on the node's I/O context (needs
/// <weir/stages/awaitable.hpp>). Its `demand` and `on_drain` are called in the worker's turns.
template <class S>
concept awaitable_sink = internal::sinks::awaitable_of_items<
    S> || internal::sinks::awaitable_of_batches<S> || internal::sinks::awaitable_function<S>;

} // namespace weir

namespace weir::internal {

template <class S>
struct sink_shape;
template <sinks::written_as_class S>
struct sink_shape<S> {
  using input = typename S::input;
};
template <plain_callable F>
  requires(!sinks::written_as_class<F>)
struct sink_shape<F> {
  using input = typename stage_shape<F>::input;
};

} // namespace weir::internal

namespace weir {

template <class F>
concept sink_like = internal::sinks::written_as_class<
    internal::product_t<F>> || internal::plain_callable<internal::product_t<F>>;

} // namespace weir
