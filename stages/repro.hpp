#pragma once

#include <weir/dead_letters/dead_letter.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/emitter.hpp>
#include <weir/stages/payload.hpp>
#include <weir/stages/signature.hpp>
#include <weir/stages/sink.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

/// A dead letter run against its stage, once, in a unit test or under a debugger, without a pipeline:
///
///     const auto letter = weir::dead_letters::load("dead.db", 17);
///     const auto outcome = weir::repro(*letter, parse);
///     EXPECT_TRUE(outcome) << outcome.text();
namespace weir {

struct repro_options {
  bool catch_exceptions = true; ///< false: they are let through, to a debugger
  /// A letter whose payload was made from another type than the stage takes is refused; false where only the
  /// name of the type has changed.
  bool check_type = true;
};

/// What a dead letter's item did in its stage.
struct repro_report {
  std::optional<failure> why; ///< it failed, or could not be run; empty: it went through
  bool ran = false;           ///< false: the payload could not be read, or the stage not be started
  bool threw = false;
  bool as_recorded = false;        ///< it failed with the kind and the message that the letter has
  std::optional<std::size_t> made; ///< outputs, of a stage

  explicit operator bool() const noexcept { return !why; }
  /// One sentence for people: "stage 'parse' failed as recorded: poison: there is no \"id\"".
  std::string text() const;

  std::string stage;
};

template <class Out>
struct repro_outcome : repro_report {
  std::vector<Out> outputs;
};
template <>
struct repro_outcome<void> : repro_report {};

} // namespace weir

namespace weir::internal {

namespace repros {

/// Is the stage's context; there is no pipeline around it.
class surroundings {
public:
  explicit surroundings(const dead_letter& letter);
  surroundings(const surroundings&) = delete;
  surroundings& operator=(const surroundings&) = delete;
  ~surroundings();
  context& where() noexcept;

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

/// Is null if the letter's payload was made from this type, or it does not say.
std::optional<failure> wrong_type(const dead_letter& letter, const std::type_info& taken);
void conclude(repro_report& report, const dead_letter& letter);

template <class F>
struct taken : stage_shape<F> {};
template <sinks::written_as_class F>
struct taken<F> {
  using input = typename F::input;
  using output = void;
};

/// The item; a row of a batch that a sink rejected is a batch of one.
template <class In>
result<In> item_of(const dead_letter& letter, const repro_options& options) {
  static_assert(
      payload_readable<In>,
      "weir: an item of this type can't be read from a dead letter: write "
      "`weir::result<T> weir_from_payload(std::type_identity<T>, std::string_view)` in its "
      "namespace");
  if constexpr (requires(In all) { all.items; }) {
    using row = typename In::value_type;
    if (letter.payload_type == type_name(typeid(row))) {
      auto one = from_payload<row>(letter.payload);
      if (!one)
        return std::move(one.error());
      In all;
      all.items.push_back(std::move(*one));
      return all;
    }
  }
  if (options.check_type)
    if (auto wrong = wrong_type(letter, typeid(In)))
      return std::move(*wrong);
  return from_payload<In>(letter.payload);
}

/// What a call returned: outputs, or a failure.
template <class Out, class Answer>
void take(repro_outcome<Out>& outcome, Answer& answer) {
  if constexpr (std::is_same_v<Answer, batch_outcome>) {
    if (!answer.rejected.empty())
      outcome.why = std::move(answer.rejected.front().why);
  } else if constexpr (requires { answer.error(); }) {
    if (!answer)
      outcome.why = std::move(answer.error());
    else if constexpr (!std::is_same_v<Answer, result<void>>)
      take(outcome, *answer);
  } else if constexpr (std::is_same_v<Answer, Out>) {
    outcome.outputs.push_back(std::move(answer));
  } else if constexpr (requires { answer.has_value(); }) {
    if (answer)
      outcome.outputs.push_back(std::move(*answer));
  } else {
    outcome.outputs = std::move(answer);
  }
}

/// Makes the call, and takes what it returns.
template <class Out, class Call>
void take_from(repro_outcome<Out>& outcome, Call call) {
  using answer = decltype(call());
  if constexpr (std::is_void_v<answer>) {
    call();
  } else if constexpr (requires {
                         typename returned<answer>::output;
                         requires returned<answer>::waits;
                       }) {
    static_assert(
        requires { sizeof(awaitable_alone<answer>); },
        "weir: an awaitable stage needs #include <weir/stages/awaitable.hpp>");
    if constexpr (std::is_void_v<typename awaitable_alone<answer>::value_type>) {
      awaitable_alone<answer>::run(call());
    } else {
      auto value = awaitable_alone<answer>::run(call());
      take(outcome, value);
    }
  } else {
    auto value = call();
    take(outcome, value);
  }
}

/// A function's parameters, as its stage would pass them.
template <class F, class In, class... More>
decltype(auto) call(F& function, In& item, More&... more) {
  if constexpr (stage_shape<F>::moves_item)
    return function(std::move(item), more...);
  else
    return function(std::as_const(item), more...);
}

template <class Out, class F, class In>
void run(repro_outcome<Out>& outcome, F& stage, In& item, const dead_letter& letter) {
  static_assert(!late_sink<F>,
                "weir: a sink that settles later can't be run alone: it answers when it likes");
  if constexpr (stateful_stage<F> || sinks::written_as_class<F>) {
    surroundings around{letter};
    auto& where = around.where();
    if (auto begun = started(stage, where); !begun) {
      outcome.why = std::move(begun.error()).within("on_start");
      return;
    }
    outcome.ran = true;
    if constexpr (sinks::of_batches<F>) {
      take_from(outcome, [&] { return stage.on_batch(std::as_const(item), where); });
    } else if constexpr (stateful_stage<F>) {
      emitter<Out> emit{outcome.outputs, SIZE_MAX};
      take_from(outcome, [&]() -> decltype(auto) {
        return stage.on_item(std::as_const(item), emit, where);
      });
    } else {
      take_from(outcome,
                [&]() -> decltype(auto) { return stage.on_item(std::as_const(item), where); });
    }
  } else {
    using parameters = typename stage_shape<F>::parameters;
    outcome.ran = true;
    if constexpr (parameters::emits) {
      emitter<Out> emit{outcome.outputs, SIZE_MAX};
      if constexpr (parameters::wants_context) {
        surroundings around{letter};
        take_from(outcome,
                  [&]() -> decltype(auto) { return call(stage, item, emit, around.where()); });
      } else {
        take_from(outcome, [&]() -> decltype(auto) { return call(stage, item, emit); });
      }
    } else if constexpr (parameters::wants_context) {
      surroundings around{letter};
      take_from(outcome, [&]() -> decltype(auto) { return call(stage, item, around.where()); });
    } else {
      take_from(outcome, [&]() -> decltype(auto) { return call(stage, item); });
    }
  }
}

} // namespace repros

} // namespace weir::internal

namespace weir {

/// Runs the letter's item through `stage`, once: anything that flow::via or flow::to takes. A factory makes it
/// afresh; state that a stage had gathered is not there. An awaitable stage is run to its end, its clocks and
/// sockets with it.
template <class F>
  requires stage_like<F> || sink_like<F>
auto repro(const dead_letter& letter, F stage, const repro_options& options = {}) {
  using shape = internal::repros::taken<internal::product_t<F>>;
  repro_outcome<typename shape::output> outcome;
  const auto attempt = [&] {
    auto item = internal::repros::item_of<typename shape::input>(letter, options);
    if (!item) {
      outcome.why = std::move(item.error());
      return;
    }
    auto made = internal::product<F>::make(stage);
    internal::repros::run(outcome, made, *item, letter);
  };
  if (!options.catch_exceptions) {
    attempt();
  } else {
    try {
      attempt();
    } catch (...) {
      outcome.threw = true;
      outcome.why = describe_current_exception();
    }
  }
  if constexpr (requires { outcome.outputs; }) {
    if (outcome.why) // a failed item leads to nothing
      outcome.outputs.clear();
    outcome.made = outcome.outputs.size();
  }
  internal::repros::conclude(outcome, letter);
  return outcome;
}

} // namespace weir
