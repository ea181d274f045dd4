#pragma once

#include <weir/dead_letters/held_keys.hpp>
#include <weir/pipeline/plan.hpp>
#include <weir/stages/batcher.hpp>
#include <weir/stages/exits.hpp>
#include <weir/stages/function_runner.hpp>
#include <weir/stages/late_runner.hpp>
#include <weir/stages/payload.hpp>
#include <weir/stages/router.hpp>
#include <weir/stages/runs.hpp>
#include <weir/stages/sink.hpp>
#include <weir/stages/sink_stepper.hpp>
#include <weir/stages/stage_shape.hpp>
#include <weir/stages/transform.hpp>
#include <weir/stages/work.hpp>

#include <array>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace weir::internal {

/// Defined in <weir/stages/awaitable.hpp>.
template <class F>
class awaitable_stepper;
template <class F>
class awaitable_sink_stepper;

} // namespace weir::internal

namespace weir {

struct key_by_options {
  std::uint32_t lanes = 1; ///< workers of the next stage, each with its share of the keys
};

} // namespace weir

namespace weir::internal {

/// Follows a rejected edge and takes anything, so that one wrong edge is one error.
struct broken_flow {
  auto via(auto&&...) && { return broken_flow{}; }
  auto batch(auto&&...) && { return broken_flow{}; }
  auto key_by(auto&&...) && { return broken_flow{}; }
  auto hold_key(auto&&...) && { return broken_flow{}; }
  auto merge() && { return broken_flow{}; }
  template <std::size_t N>
  std::array<broken_flow, N> broadcast(auto&&...) && {
    return {};
  }
  std::array<broken_flow, 2> route(auto&&...) && { return {}; }
  void to(auto&&...) && {}
};

} // namespace weir::internal

namespace weir {

/// The typed edge under construction: what leaves one stage, or several that were merged, as items of type T.
/// Every flow must be used up, by one of the functions below; each of them ends it. What is used twice is kept
/// from running: see pipeline::validate.
template <class T>
class [[nodiscard]] flow {
public:
  using value_type = T;

  flow(flow&&) noexcept = default;
  flow& operator=(flow&&) noexcept = default;

  /// Adds a stage: a function of one item, or a class with state. What the function returns says what it does:
  /// `Out`; `result<Out>` may fail; `std::optional<Out>` filters; `std::vector<Out>`, or an `emitter<Out>&`
  /// parameter, yields 0..n; `boost::asio::awaitable<…>` waits (needs <weir/stages/awaitable.hpp>).
  /// What is given is a prototype: each worker, and each restart of one, gets a copy; or what `factory{…}` makes.
  template <class F>
  auto via(std::string name, F function, stage_options options = {}) &&;

  /// Gathers items into batches.
  flow<weir::batch<T>> batch(std::string name, batch_options options = {}) &&;
  /// The same, and an item that fulfils the predicate is the last of its batch.
  template <class Predicate>
  auto batch(std::string name, batch_options options, Predicate closes) &&;

  /// Every item goes to each of N flows.
  template <std::size_t N>
  std::array<flow, N> broadcast(std::string name = {}) &&;

  /// The items that fulfil the predicate, and the others.
  template <class Predicate>
  std::array<flow, 2> route(Predicate predicate, std::string name = {}) &&;

  /// Spreads the items over `lanes` workers of the next stage by a hash of their key, which keeps the order of
  /// the items of one key; the lanes stay apart until `merge`. `key` is a member or a function.
  template <class Key>
  auto key_by(Key key, key_by_options options) &&;

  /// Once an item of a key has become a dead letter of the next stage, later items of that key are held behind
  /// it, in order, until the letters of the key were replayed or purged; items of other keys go on. Holds across
  /// restarts, as the store knows. `key` is a member or a function whose value can be kept as text
  /// (weir_payload); an empty text is no key. Several workers keep the order only behind a `key_by` of the same
  /// key.
  template <class Key>
  auto hold_key(Key key, hold_key_options options = {}) &&;

  /// Ends the lanes of key_by.
  flow merge() &&;

  /// Ends the flow in a sink: see sink.hpp.
  template <class S>
  void to(std::string name, S sink, stage_options options = {}) &&;

private:
  friend class pipeline;
  template <class>
  friend class flow;

  struct end {
    std::size_t stage;
    std::uint32_t leg;
  };

  flow(internal::shared_plan into, std::vector<end> ends) : plan_{into}, ends_{std::move(ends)} {}

  /// Adds the stage behind this flow, which is used up then, and returns its index.
  std::size_t append(graph_stage stage, internal::plan::stage_parts parts) {
    if (lanes_)
      stage.options.workers = *lanes_;
    stage.input = internal::type_name(typeid(T));
    if (hold_key_) {
      stage.held_max = held_max_;
      parts.hold_key = hold_key_;
    }
    parts.replay = internal::make_replay_parts<T>();
    const auto index = plan_->graph.stages.size();
    plan_->graph.stages.push_back(std::move(stage));
    plan_->stages.push_back(std::move(parts));
    for (const auto& one : std::exchange(ends_, {})) {
      plan_->graph.edges.push_back({one.stage, one.leg, index, how_});
      plan_->edges.push_back(
          {[](std::size_t capacity) { return std::make_shared<internal::ring<T>>(capacity); },
           key_});
    }
    return index;
  }
  template <class Out>
  flow<Out> onward(std::size_t stage, std::uint32_t leg = 0) {
    flow<Out> next{plan_, {{stage, leg}}};
    next.lanes_ = lanes_;
    next.how_ = lanes_ ? internal::spread::straight : internal::spread::any;
    return next;
  }
  std::string name_after(std::string given, const char* what) const {
    if (!given.empty() || ends_.empty())
      return given.empty() ? what : std::move(given);
    return plan_->graph.stages[ends_.front().stage].name + "." + what;
  }

  template <std::size_t N>
  std::array<flow, N> split(std::string name, stage_kind kind, bool may_fail,
                            typename internal::router_stepper<T>::choice choice);

  template <class S>
  static internal::plan::stage_parts sink_parts(S sink, const stage_options& options);
  template <class S>
  static internal::plan::make_stepper sink_stepper_of(S sink, const stage_options& options);

  flow<weir::batch<T>> gather(std::string name, batch_options options,
                              std::function<bool(const T&)> closes, bool may_fail);

  internal::shared_plan plan_;
  std::vector<end> ends_; // none: it was used
  internal::spread how_ = internal::spread::any;
  std::shared_ptr<const void> key_;
  std::optional<std::uint32_t> lanes_; // of key_by, until merge
  std::shared_ptr<const void> hold_key_;
  std::uint64_t held_max_ = 0;
};

template <class T>
template <class F>
auto flow<T>::via(std::string name, F function, stage_options options) && {
  static_assert(
      stage_like<F>,
      "weir: a stage is a function with one signature (not overloaded, not generic), or a "
      "class with input, output and on_item");
  if constexpr (!stage_like<F>) {
    return internal::broken_flow{};
  } else {
    using shape = internal::stage_shape<internal::product_t<F>>;
    constexpr bool fits = std::same_as<typename shape::input, T>;
    static_assert(fits, "weir: this stage's input is not the flow's item type");
    if constexpr (!fits) {
      return internal::broken_flow{};
    } else {
      using Out = typename shape::output;
      static_assert(
          !std::is_void_v<Out>,
          "weir: a stage must return something to go on with; a function that ends the flow "
          "goes to to()");
      bool may_fail = true;
      if constexpr (!stateful_stage<internal::product_t<F>>)
        may_fail = !shape::call::is_noexcept || shape::returns::may_fail || shape::waits;
      internal::plan::make_stepper make;
      if constexpr (shape::waits) {
        static_assert(
            requires { sizeof(internal::awaitable_stepper<F>); },
            "weir: an awaitable stage needs #include <weir/stages/awaitable.hpp>");
        make = [function](const internal::ports& where, std::uint32_t) {
          return std::make_unique<internal::awaitable_stepper<F>>(where, function);
        };
      } else {
        make = [function, options](const internal::ports& where,
                                   std::uint32_t) -> std::unique_ptr<internal::stepper> {
          if (options.outside_of_slices())
            return std::make_unique<internal::runs_stepper<T, internal::flow_exit<T, Out>>>(
                where, std::make_unique<internal::function_runner<F, internal::stage_work<F>>>(
                           function, options));
          return std::make_unique<internal::transform_stepper<F>>(where, function);
        };
      }
      const auto index = append({.name = std::move(name),
                                 .kind = stage_kind::transform,
                                 .options = options,
                                 .batch = {},
                                 .input = {},
                                 .output = internal::type_name(typeid(Out)),
                                 .may_fail = may_fail,
                                 .waits = shape::waits,
                                 .side_by_side = !stateful_stage<internal::product_t<F>>},
                                {std::move(make), {}});
      return onward<Out>(index);
    }
  }
}

template <class T>
flow<weir::batch<T>> flow<T>::gather(std::string name, batch_options options,
                                     std::function<bool(const T&)> closes, bool may_fail) {
  const auto index =
      append({.name = std::move(name),
              .kind = stage_kind::batch,
              .options = {.mailbox_capacity = options.mailbox_capacity},
              .batch = options,
              .input = {},
              .output = internal::type_name(typeid(weir::batch<T>)),
              .may_fail = may_fail,
              .closed_by_item = closes != nullptr},
             {[options, closes](const internal::ports& where, std::uint32_t) {
                return std::make_unique<internal::batch_stepper<T>>(where, options, closes);
              },
              {}});
  return onward<weir::batch<T>>(index);
}

template <class T>
flow<weir::batch<T>> flow<T>::batch(std::string name, batch_options options) && {
  return gather(std::move(name), options, {}, false);
}

template <class T>
template <class Predicate>
auto flow<T>::batch(std::string name, batch_options options, Predicate closes) && {
  constexpr bool fits = std::predicate<Predicate&, const T&>;
  static_assert(fits, "weir: what closes a batch is a predicate of the flow's item type");
  if constexpr (!fits)
    return internal::broken_flow{};
  else
    return gather(std::move(name), options, std::move(closes),
                  !std::is_nothrow_invocable_v<Predicate&, const T&>);
}

template <class T>
template <std::size_t N>
std::array<flow<T>, N> flow<T>::split(std::string name, stage_kind kind, bool may_fail,
                                      typename internal::router_stepper<T>::choice choice) {
  const auto index = append({.name = std::move(name),
                             .kind = kind,
                             .options = {},
                             .batch = {},
                             .input = {},
                             .output = internal::type_name(typeid(T)),
                             .may_fail = may_fail,
                             .waits = false,
                             .legs = N},
                            {[choice](const internal::ports& where, std::uint32_t) {
                               return std::make_unique<internal::router_stepper<T>>(where, choice);
                             },
                             {}});
  return [&]<std::size_t... Leg>(std::index_sequence<Leg...>) {
    return std::array<flow, N>{onward<T>(index, static_cast<std::uint32_t>(Leg))...};
  }
  (std::make_index_sequence<N>{});
}

template <class T>
template <std::size_t N>
std::array<flow<T>, N> flow<T>::broadcast(std::string name) && {
  static_assert(N >= 2, "weir: a broadcast has at least two flows");
  static_assert(std::is_copy_constructible_v<T>,
                "weir: a broadcast copies its items, and this type can't be copied");
  return split<N>(name_after(std::move(name), "broadcast"), stage_kind::broadcast, false, {});
}

template <class T>
template <class Predicate>
std::array<flow<T>, 2> flow<T>::route(Predicate predicate, std::string name) && {
  static_assert(std::predicate<Predicate&, const T&>,
                "weir: route takes a predicate of the flow's item type");
  return split<2>(name_after(std::move(name), "route"), stage_kind::route,
                  !std::is_nothrow_invocable_v<Predicate&, const T&>,
                  [predicate](const T& item) mutable -> std::size_t {
                    return std::invoke(predicate, item) ? 0 : 1;
                  });
}

template <class T>
template <class Key>
auto flow<T>::key_by(Key key, key_by_options options) && {
  constexpr bool fits = std::invocable<Key&, const T&>;
  static_assert(fits, "weir: key_by takes a member or a function of the flow's item type");
  if constexpr (!fits) {
    return internal::broken_flow{};
  } else {
    using value = std::remove_cvref_t<std::invoke_result_t<Key&, const T&>>;
    how_ = internal::spread::by_key;
    key_ = std::make_shared<const typename internal::outlet<T>::key_function>(
        [key](const T& item) { return std::hash<value>{}(std::invoke(key, item)); });
    lanes_ = options.lanes;
    // An item without a key fails in the stage that it leaves.
    if constexpr (!std::is_nothrow_invocable_v<Key&, const T&>)
      for (const auto& one : ends_)
        if (auto& stage = plan_->graph.stages[one.stage];
            stage.kind != stage_kind::source && stage.kind != stage_kind::batch)
          stage.may_fail = true;
    return std::move(*this);
  }
}

template <class T>
template <class Key>
auto flow<T>::hold_key(Key key, hold_key_options options) && {
  constexpr bool fits = std::invocable<Key&, const T&>;
  static_assert(fits, "weir: hold_key takes a member or a function of the flow's item type");
  if constexpr (!fits) {
    return internal::broken_flow{};
  } else {
    hold_key_ = std::make_shared<const std::function<std::string(const T&)>>(
        [key](const T& item) -> std::string { return payload_of(std::invoke(key, item)); });
    held_max_ = options.held_max;
    return std::move(*this);
  }
}

template <class T>
flow<T> flow<T>::merge() && {
  lanes_.reset();
  how_ = internal::spread::any;
  key_.reset();
  return std::move(*this);
}

template <class T>
template <class S>
void flow<T>::to(std::string name, S sink, stage_options options) && {
  using made = internal::product_t<S>;
  static_assert(
      sink_like<S> || internal::sinks::takes_settlement<made>,
      "weir: a sink is a function of one item, or a class with input and on_item or on_batch");
  static_assert(
      !internal::sinks::takes_settlement<made> || late_sink<made>,
      "weir: a sink that settles later has on_item(const input&, settlement, context&), or "
      "on_batch of a batch, which returns void or result<void>");
  if constexpr (sink_like<S> && (!internal::sinks::takes_settlement<made> || late_sink<made>)) {
    constexpr bool fits = std::same_as<typename internal::sink_shape<made>::input, T>;
    static_assert(fits, "weir: this sink's input is not the flow's item type");
    if constexpr (fits) {
      bool may_fail = true;
      if constexpr (!internal::sinks::written_as_class<made>)
        may_fail = !internal::stage_shape<made>::call::is_noexcept
                   || internal::stage_shape<made>::returns::may_fail
                   || internal::stage_shape<made>::waits;
      append({.name = std::move(name),
              .kind = stage_kind::sink,
              .options = options,
              .batch = {},
              .input = {},
              .output = {},
              .may_fail = may_fail,
              .waits = awaitable_sink<made> || late_sink<made>,
              .side_by_side = !batch_sink<made>,
              .legs = 0,
              .settles_later = late_sink<made>},
             sink_parts(std::move(sink), options));
    }
  }
}

template <class T>
template <class S>
internal::plan::stage_parts flow<T>::sink_parts(S sink, const stage_options& options) {
  using made = internal::product_t<S>;
  internal::plan::stage_parts parts;
  if constexpr (requires(const made& one, const position_store& store) {
                  { one.stores_points_in(store) } -> std::convertible_to<bool>;
                })
    parts.stores_points = [sink](const position_store& store) mutable {
      return internal::product<S>::make(sink).stores_points_in(store);
    };
  if constexpr (requires { made::idempotent; })
    parts.idempotent = made::idempotent;
  parts.make = sink_stepper_of(std::move(sink), options);
  return parts;
}

template <class T>
template <class S>
internal::plan::make_stepper flow<T>::sink_stepper_of(S sink, const stage_options& options) {
  if constexpr (late_sink<internal::product_t<S>>) {
    return [sink](const internal::ports& where, std::uint32_t) {
      return std::make_unique<internal::runs_stepper<
          T, internal::sink_exit<T, typename internal::sink_work<S>::output>>>(
          where, std::make_unique<internal::late_runner<S>>(sink));
    };
  } else if constexpr (awaitable_sink<internal::product_t<S>>) {
    static_assert(
        requires { sizeof(internal::awaitable_sink_stepper<S>); },
        "weir: an awaitable sink needs #include <weir/stages/awaitable.hpp>");
    return [sink](const internal::ports& where, std::uint32_t) {
      return std::make_unique<internal::awaitable_sink_stepper<S>>(where, sink);
    };
  } else {
    return [sink, options](const internal::ports& where,
                           std::uint32_t) -> std::unique_ptr<internal::stepper> {
      if (options.outside_of_slices())
        return std::make_unique<internal::runs_stepper<
            T, internal::sink_exit<T, typename internal::sink_work<S>::output>>>(
            where,
            std::make_unique<internal::function_runner<S, internal::sink_work<S>>>(sink, options));
      return std::make_unique<internal::sink_stepper<S>>(where, sink);
    };
  }
}

} // namespace weir
