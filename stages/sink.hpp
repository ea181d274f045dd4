#pragma once

#include <weir/stages/batch.hpp>
#include <weir/stages/transform.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

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

private:
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

/// The batch is taken apart: each item ends its own way. `trouble` is how the batch as a whole has failed so far.
/// If it throws, for want of memory, nothing has happened.
template <class Batch>
void settle_members(const Batch& batch, origin where, batch_outcome& came_of_it,
                    const item_trouble& trouble, worker& self) {
  std::vector<origin> apart; // of a group
  auto members = where.is_group() ? where.group()->members() : std::span<const origin>{&where, 1};
  std::vector<outcome> how(members.size(), outcome::acknowledged);
  // A batch may have been one item: it was made by a stage, or replayed. Or a stage between has changed it: then its
  // rows are no longer those of the members, a row that is rejected is dead-lettered without a position, and as many
  // members end as dead letters.
  const bool same = members.size() == batch.items.size();
  const auto what = same                  ? letter_of::whole_item
                    : members.size() == 1 ? letter_of::part_of_item
                                          : letter_of::stranger;
  std::size_t letters = 0;
  std::uint32_t shares = 0; // of the last member, beside the one that every member has
  try {
    std::vector<bool> seen(batch.items.size(), false);
    std::size_t next_member = 0;
    for (auto& one : came_of_it.rejected) {
      if (seen[one.index])
        continue;
      seen[one.index] = true;
      auto mine = trouble;
      self.count_failure(one.why, mine);
      const auto member = same ? one.index : next_member++;
      origin mine_to_settle;
      if (member < members.size()) {
        how[member] = outcome::dead_lettered; // settled by the dead-letter actor
        mine_to_settle = members[member];
      } else if (!members.empty()) {
        // More rows than members: the last one is settled with all of their letters.
        self.books().share(members.back(), 1);
        ++shares;
        mine_to_settle = members.back();
      }
      self.to_dead_letters(mine_to_settle, kept_payload_of(batch.items[one.index]),
                           typeid(typename Batch::value_type), std::move(one.why), mine, what);
      ++letters;
    }
    if (where.is_group())
      members = apart = self.books().take_apart(where); // from here on nothing throws
  } catch (...) {
    self.take_back(letters);
    for (; shares > 0; --shares)
      self.books().settle(members.back(), outcome::filtered);
    throw;
  }
  if (same)
    for (auto index : came_of_it.filtered)
      if (how[index] == outcome::acknowledged)
        how[index] = outcome::filtered;
  for (const auto kind : {outcome::acknowledged, outcome::filtered}) {
    batched_settlement settlement{self.books(), kind};
    for (std::size_t k = 0; k < members.size(); ++k)
      if (how[k] == kind)
        settlement.add(members[k]);
  }
}

template <class F>
class sink_stepper final : public consuming_stepper<typename sink_shape<product_t<F>>::input> {
  using sink = product_t<F>;
  using In = typename sink_shape<sink>::input;
  using calls = sink_call<F>;
  using consuming_stepper<In>::in_;

public:
  sink_stepper(const ports& where, F prototype)
      : consuming_stepper<In>{where}, prototype_{std::move(prototype)} {}

  result<void> rebuild(context& where) override {
    sink_.reset();
    sink_.emplace(product<F>::make(prototype_));
    return started(*sink_, where);
  }

  slice_result step(std::size_t budget, worker& self) override {
    auto* from = in_.next();
    if (from == nullptr)
      return in_.finished() ? end_of_stream(self)
                            : slice_result{.what = slice_result::state::waiting, .for_input = true};
    if (budget == 0)
      return {};
    if constexpr (demanding_sink<sink>) {
      budget = std::min<std::size_t>(budget, sink_->demand(self.where()));
      if (budget == 0)
        return {.what = slice_result::state::waiting, .time = waiting_as::blocked};
    }
    const auto first = from->read_index();
    const auto count = std::min({budget, from->available(), from->contiguous(first)});
    In* const items = from->value(first);
    const origin* const origins = &from->from(first);
    std::size_t done = 0;
    std::optional<failure> failed;
    auto in_hand = self.in_hand();
    {
      batched_settlement stored{self.books(), outcome::acknowledged};
      try {
        if constexpr (cannot_refuse())
          if (!in_hand) // what it costs where nothing is recorded is the call
            for (; done < count && !self.aborted(); ++done)
              calls::direct(*sink_, items[done], self.where());
        for (; done < count && !self.aborted(); ++done) {
          if (in_hand)
            in_hand.take(origins[done]);
          if constexpr (cannot_refuse()) {
            calls::direct(*sink_, items[done], self.where());
          } else {
            failed = take(items[done], origins[done], stored, self);
            if (failed)
              break;
          }
        }
      } catch (...) {
        failed = describe_current_exception();
      }
      if constexpr (cannot_refuse())
        stored.add(std::span{origins, done});
    }
    if (done > 0)
      from->release(done);
    if (failed)
      return this->item_failed(std::move(*failed), done);
    in_.turn_over();
    return {.items = done};
  }

private:
  /// Does a call return nothing, so that it can only throw?
  static constexpr bool cannot_refuse() {
    if constexpr (batch_sink<sink>)
      return false;
    else
      return std::is_void_v<decltype(calls::direct(std::declval<sink&>(), std::declval<const In&>(),
                                                   std::declval<context&>()))>;
  }

  std::optional<failure> take(In& item, origin where, batched_settlement& stored, worker& self) {
    if constexpr (batch_sink<sink>) {
      return take_batch(item, where, self);
    } else {
      result<void> answer = calls::direct(*sink_, item, self.where());
      if (!answer)
        return std::move(answer.error());
      stored.add(where);
      return std::nullopt;
    }
  }

  std::optional<failure> take_batch(In& batch, origin where, worker& self) {
    // While another copy of the batch is on its way, storing this one settles nothing.
    if (where.is_group() && !where.group()->shared())
      self.batch_in_hand = where.group()->members();
    result<batch_outcome> answer{batch_outcome{}};
    try {
      answer = calls::of_batch(*sink_, batch, self.where());
    } catch (...) {
      self.batch_in_hand = {};
      throw;
    }
    self.batch_in_hand = {};
    if (!answer)
      return std::move(answer.error());
    settle_members(batch, where, *answer, self.trouble_in_hand(), self);
    return std::nullopt;
  }

  slice_result end_of_stream(worker& self) {
    if (!self.dead_letters_stored())
      return {.what = slice_result::state::waiting, .time = waiting_as::blocked};
    if constexpr (requires { sink_->on_drain(self.where()); }) {
      if (!drained_) {
        result<void> answer;
        try {
          answer = sink_->on_drain(self.where());
        } catch (...) {
          answer = describe_current_exception();
        }
        if (!answer)
          return this->stage_failed(std::move(answer.error()), 0);
        drained_ = true;
      }
    }
    return {.what = slice_result::state::finished};
  }

  F prototype_;
  std::optional<sink> sink_;
  bool drained_ = false;
};

} // namespace weir
