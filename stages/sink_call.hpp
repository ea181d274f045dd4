#pragma once

#include <weir/stages/context.hpp>
#include <weir/stages/sink.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace weir::internal {

/// One call of a sink with an item, or a batch.
template <class F>
struct sink_call {
  using product = product_t<F>;
  using input = typename sink_shape<product>::input;

  /// A sink of single items.
  static decltype(auto) direct(product& sink, const input& item, context& where) {
    if constexpr (item_sink<product>)
      return sink.on_item(item, where);
    else if constexpr (stage_shape<product>::parameters::wants_context)
      return sink(item, where);
    else
      return sink(item);
  }

  /// A sink of batches. An outcome that names a row which isn't there is a failure.
  static result<batch_outcome> of_batch(product& sink, const input& items, context& where) {
    result<batch_outcome> answer = sink.on_batch(items, where);
    if (answer)
      if (auto wrong = wrong_row(items.items.size(), *answer))
        return std::move(*wrong);
    return answer;
  }

  /// A sink that waits, of items or batches: what is to be awaited.
  static auto awaitable(product& sink, const input& item, context& where) {
    if constexpr (sinks::awaitable_of_batches<product>)
      return sink.on_batch(item, where);
    else
      return direct(sink, item, where);
  }

  /// What is wrong with an outcome that names a row which isn't there.
  static std::optional<failure> wrong_row(std::size_t size, const batch_outcome& outcome) {
    const auto beyond = [size](std::size_t index) { return index >= size; };
    auto wrong = std::ranges::find_if(outcome.filtered, beyond);
    const auto rejected = std::ranges::find_if(outcome.rejected, beyond, &rejected_item::index);
    if (wrong == outcome.filtered.end() && rejected == outcome.rejected.end())
      return std::nullopt;
    const auto named = wrong != outcome.filtered.end() ? *wrong : rejected->index;
    return fatal("the sink named row " + std::to_string(named) + " of a batch of "
                 + std::to_string(size));
  }
};

} // namespace weir::internal
