#pragma once

#include <weir/stages/item_id.hpp>
#include <weir/stages/item_trouble.hpp>
#include <weir/stages/items_in_hand.hpp>
#include <weir/stages/kept_as.hpp>
#include <weir/stages/keyed_inlet.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/stages/worker.hpp>

#include <optional>
#include <string>
#include <utility>

namespace weir::internal {

/// Takes items out of the mailbox of a stage that has several in hand, as long as each may run or need not; says which
/// one is to run next. What need not is let go: it was given back, is held behind a letter of its key, or has killed too
/// often. What may have to be held stands in line.
///
/// Owner: the stepper. What it has taken is in the stepper's items_in_hand.
template <class In>
class item_taker {
public:
  item_taker(const ports& where, items_in_hand& items) : in_{where}, items_{items} {}

  struct taken {
    enum class what {
      none,    ///< there is none; or for want of a permit, or for the sake of a suspect
      not_run, ///< it became a dead letter instead, had been given back, or stands in line
      run      ///< it is to begin, has its permit, and lies in the mailbox until it is moved away
    };
    what now = what::none;
    item_in_hand* one = nullptr;
    In* item = nullptr;
  };

  /// Those that stood in line have been there longer than what has not been taken.
  taken take(worker& self) {
    auto& lines = items_.lines();
    auto* const first = lines.next();
    if (first != nullptr && in_.may_begin(first->from, first->passes, self))
      return take_from_line(*first, self);
    return in_.next(lines, self) ? take_from_mailbox(self) : taken{};
  }

  keyed_inlet<In>& mailbox() { return in_; }
  const keyed_inlet<In>& mailbox() const { return in_; }

private:
  using what = typename taken::what;
  using state = item_in_hand::state;

  taken take_from_line(item_in_hand& one, worker& self) {
    auto& item = in_.taken(one.input, one.index);
    const auto now = next_step(one, item, key_lines::key_of(one), true, self);
    if (now == what::run) {
      items_.lines().next_begins();
    } else if (now == what::not_run) {
      items_.lines().next_ended();
      one.now = state::ended;
    }
    return {now, &one, &item};
  }

  taken take_from_mailbox(worker& self) {
    auto& lines = items_.lines();
    auto& item = in_.item();
    const bool is_letter = in_.is_letter();
    item_in_hand next{.input = in_.current(),
                      .index = in_.index(),
                      .id = item_id(in_.from(), in_.index()),
                      .from = in_.where(),
                      .run = {}};
    const bool has_key = !in_.key().empty();
    if (has_key && !is_letter && lines.any(in_.key())) {
      next.now = state::stands_in_line;
      next.passes = self.is_replayed(next.from);
      in_.take();
      lines.stands(items_.add(std::move(next), false), in_.key());
      return {what::not_run};
    }
    const auto now = next_step(next, item, in_.key(), !is_letter, self);
    if (now == what::none)
      return {};
    in_.take();
    auto& one = items_.add(std::move(next), is_letter);
    if (now == what::not_run) {
      one.now = state::ended;
      return {now};
    }
    if (has_key)
      lines.begins(one, in_.key());
    in_.turn_over(); // a mailbox that never runs dry starves no other
    return {now, &one, &item};
  }

  /// A letter that is replayed is not held behind others of its key.
  what next_step(item_in_hand& one, const In& item, const std::string& key, bool may_be_held,
                 worker& self) {
    if (self.let_go_if_given_back(one.from))
      return what::not_run;
    if (may_be_held && !key.empty() && !self.letters().keys()->empty())
      if (const auto whom = self.letters().held_behind(key, one.from)) {
        self.letters().hold_behind(*whom, one.from, kept_as<In>::letter(item, key));
        return what::not_run;
      }
    std::optional<suspect> known;
    if (self.suspicion().remains()) {
      known = self.suspicion().at(one.from);
      if (auto why = known ? self.suspicion().sentence(*known) : std::nullopt) {
        self.dead_letter_unrun(one.from, kept_as<In>::letter(item, key), *known, std::move(*why));
        return what::not_run;
      }
    }
    if (!items_.may_begin(one, known, self))
      return what::none;
    if (known)
      one.trouble = item_trouble::of(*known);
    one.recorded = self.hands().take();
    return what::run;
  }

  keyed_inlet<In> in_;
  items_in_hand& items_;
};

} // namespace weir::internal
