#pragma once

#include <weir/stages/inlet.hpp>
#include <weir/stages/item_id.hpp>
#include <weir/stages/item_key.hpp>
#include <weir/stages/kept_as.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::internal {

/// What every stepper with a mailbox of `In` shares: the mailbox, and the item at its head while it fails.
template <class In>
class consuming_stepper : public stepper {
public:
  explicit consuming_stepper(const ports& where)
      : in_{where.in}, replays_{where.replays}, key_{where} {}

  item_as_letter as_letter() const override {
    auto* from = in_.current();
    const auto& item = *from->value(from->read_index());
    return kept_as<In>::letter(item, key_.of(item));
  }
  std::optional<next_item> next_in_line() override {
    auto* from = in_.next();
    return from == nullptr ? next_item{} : next_item{true, from->from(from->read_index())};
  }
  void discard() override {
    in_.current()->release(1);
    in_.turn_over();
  }

  std::size_t let_go(std::size_t most, worker& self) override {
    auto* from = in_.next();
    std::size_t gone = 0;
    for (; gone < most && from != nullptr && from->available() > 0; ++gone) {
      if (!self.let_go_if_given_back(from->from(from->read_index())))
        break;
      from->release(1);
    }
    if (gone > 0)
      in_.turn_over();
    return gone;
  }

  std::size_t admit(std::size_t budget, worker& self) override {
    auto* from = in_.next();
    if (from == nullptr || from == replays_) // what is replayed has its order already
      return budget;
    const auto first = from->read_index();
    const bool again = self.runs_again(item_id(*from, first));
    const bool full = self.letters().keys()->full();
    // A letter of an earlier stage that is replayed passes too: the replay of this stage may stand behind it.
    if (full && !again && !self.is_replayed(from->from(first))) {
      if (replays_ == nullptr || !in_.turn_to(*replays_))
        return 0;
      return budget;
    }
    const auto there =
        full ? std::size_t{1} : std::min({budget, from->available(budget), admitted_at_once});
    return admit_from(*from, there, again ? 1 : 0, self.letters());
  }
  ring_base* replays() const override { return replays_; }
  bool only_replays_left() const override { return replays_ != nullptr && in_.only(*replays_); }

  void inputs(std::vector<ring_base*>& rings) const override { in_.waiting_for(rings); }
  bool input_there() const override { return in_.something_there(); }
  std::size_t backlog() const override { return in_.size(); }

protected:
  /// The item at the head of the current ring failed.
  slice_result item_failed(failure why, std::size_t items) {
    auto failed = failed_with(std::move(why), items);
    auto* from = in_.current();
    failed.item = {from->from(from->read_index()), item_id(*from, from->read_index())};
    return failed;
  }

  inlet<In> in_;

private:
  /// Items whose keys are looked at before they run: their letters wait in the worker until they are handed over.
  static constexpr std::size_t admitted_at_once = 64;

  /// Looks at the keys of up to `there` items, of which the first `items` need none. Returns how many may run.
  std::size_t admit_from(ring<In>& from, std::size_t there, std::size_t items,
                         letter_outbox& letters) {
    for (std::size_t held = 0; items < there - held;) {
      if (held > 0 && letters.keys()->full())
        break;
      auto& item = *from.value(from.read_index() + items);
      auto key = key_.of(item);
      const auto where = from.from(from.read_index() + items);
      const auto whom = key.empty() ? std::nullopt : letters.held_behind(key, where);
      if (!whom) {
        ++items;
        continue;
      }
      if (items > 0)
        break;
      letters.hold_behind(*whom, where, kept_as<In>::letter(item, std::move(key)));
      from.release(1);
      ++held;
    }
    return items;
  }

  ring_base* const replays_;
  const item_key<In> key_;
};

} // namespace weir::internal
