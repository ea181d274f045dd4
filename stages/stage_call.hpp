#pragma once

#include <weir/stages/context.hpp>
#include <weir/stages/emitter.hpp>
#include <weir/stages/stage_shape.hpp>

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir::internal {

/// Calls what returns nothing or result<void>.
template <class Call>
std::optional<failure> failure_of(Call call) {
  if constexpr (std::is_void_v<decltype(call())>) {
    call();
    return std::nullopt;
  } else {
    result<void> answer = call();
    return answer ? std::nullopt : std::optional<failure>{std::move(answer.error())};
  }
}

/// One call of a stage's function, whatever its shape. `Moves`: the function may take the item away.
template <class F, bool Moves>
struct stage_call {
  using product = product_t<F>;
  using shape = stage_shape<product>;
  using input = typename shape::input;
  using output = typename shape::output;

  template <class... More>
  static decltype(auto) call(product& stage, input& item, More&&... more) {
    if constexpr (Moves)
      return stage(std::move(item), std::forward<More>(more)...);
    else
      return stage(std::as_const(item), std::forward<More>(more)...);
  }
  static decltype(auto) direct(product& stage, input& item, context& where) {
    if constexpr (shape::parameters::wants_context)
      return call(stage, item, where);
    else
      return call(stage, item);
  }

  /// The output in an answer; null if there is none, with `failed` set if it is a failure.
  template <class T>
  static output* output_of(T& answer, std::optional<failure>& failed) {
    if constexpr (std::is_same_v<T, output>) {
      return &answer;
    } else if constexpr (requires { answer.error(); }) {
      if (!answer) {
        failed = std::move(answer.error());
        return nullptr;
      }
      return output_of(*answer, failed);
    } else {
      return answer ? &*answer : nullptr;
    }
  }

  /// Runs one item; what it leads to is added to `outputs`, at most `outputs_max`.
  static std::optional<failure> run(product& stage, input& item, std::vector<output>& outputs,
                                    std::uint32_t outputs_max, context& where) {
    emitter<output> emit{outputs, outputs_max};
    if constexpr (stateful_stage<product>) {
      return failure_of(
          [&]() -> decltype(auto) { return stage.on_item(std::as_const(item), emit, where); });
    } else if constexpr (shape::parameters::emits) {
      if constexpr (shape::parameters::wants_context)
        return failure_of([&]() -> decltype(auto) { return call(stage, item, emit, where); });
      else
        return failure_of([&]() -> decltype(auto) { return call(stage, item, emit); });
    } else if constexpr (shape::returns::many) {
      auto answer = direct(stage, item, where);
      if constexpr (shape::returns::may_fail) {
        if (!answer)
          return std::move(answer.error());
        for (auto& one : *answer)
          emit(std::move(one));
      } else {
        for (auto& one : answer)
          emit(std::move(one));
      }
      return std::nullopt;
    } else {
      std::optional<failure> failed;
      auto answer = direct(stage, item, where);
      if (auto* one = output_of(answer, failed); one != nullptr)
        emit(std::move(*one));
      return failed;
    }
  }
};

} // namespace weir::internal
