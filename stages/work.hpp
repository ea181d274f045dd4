#pragma once

#include <weir/stages/context.hpp>
#include <weir/stages/product.hpp>
#include <weir/stages/sink.hpp>
#include <weir/stages/sink_call.hpp>
#include <weir/stages/stage_call.hpp>
#include <weir/stages/stage_options.hpp>
#include <weir/stages/stage_shape.hpp>
#include <weir/supervision/failure.hpp>

#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

/// What a run does with its item: the function of a stage, or of a sink, as function_runner calls it.
namespace weir::internal {

/// How a run calls a stage's function.
template <class F>
struct stage_work {
  using product = product_t<F>;
  using shape = stage_shape<product>;
  using input = typename shape::input;
  using output = typename shape::output;
  /// What can be copied is, so that the item is there if the run is stuck.
  static constexpr bool takes_item = shape::moves_item && !std::is_copy_constructible_v<input>;
  static constexpr bool settles = false;

  static std::optional<failure> run(product& stage, input& item, std::vector<output>& outputs,
                                    const stage_options& options, context& where) {
    return stage_call<F, takes_item>::run(stage, item, outputs, options.outputs_max, where);
  }
};

/// What the run of a single item in a sink leads to.
struct no_output {};

/// How a run calls a sink.
template <class F>
struct sink_work {
  using product = product_t<F>;
  using input = typename sink_shape<product>::input;
  static constexpr bool of_batches = sinks::of_batches<product>;
  using output = std::conditional_t<of_batches, batch_outcome, no_output>;
  static constexpr bool takes_item = false;
  static constexpr bool settles = true;

  static std::optional<failure> run(product& sink, input& item, std::vector<output>& outputs,
                                    const stage_options&, context& where) {
    if constexpr (of_batches) {
      auto answer = sink_call<F>::of_batch(sink, item, where);
      if (!answer)
        return std::move(answer.error());
      outputs.push_back(std::move(*answer));
      return std::nullopt;
    } else {
      return failure_of(
          [&]() -> decltype(auto) { return sink_call<F>::direct(sink, item, where); });
    }
  }
};

} // namespace weir::internal
