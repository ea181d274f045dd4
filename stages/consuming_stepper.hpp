#pragma once

#include <weir/stages/inlet.hpp>
#include <weir/stages/item_id.hpp>
#include <weir/stages/kept_as.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

namespace weir {

/// What every stepper with a mailbox of `In` shares: the mailbox, and the item at its head while it fails.
template <class In>
class consuming_stepper : public stepper {
public:
  explicit consuming_stepper(const ports& where)
      : in_{where.in},
        replays_{where.replays},
        key_{std::static_pointer_cast<const key_function>(where.hold_key)} {}

  std::optional<origin> in_hand() const override {
    if (!failed_item_)
      return std::nullopt;
    auto* from = in_.current();
    return from->from(from->read_index());
  }
  std::uint64_t in_hand_id() const override {
    return item_id(*in_.current(), in_.current()->read_index());
  }
  std::string payload() const override { return kept_as<In>::payload(next_item_there()); }
  const std::type_info& payload_type() const override {
    return kept_as<In>::type(next_item_there());
  }
  std::optional<next_item> next_in_line() override {
    auto* from = in_.next();
    return from == nullptr ? next_item{} : next_item{true, from->from(from->read_index())};
  }
  void discard() override {
    in_.current()->release(1);
    in_.turn_over();
    failed_item_ = false;
  }

  std::size_t let_go(std::size_t most, worker& self) override {
    auto* from = in_.next();
    std::size_t gone = 0;
    for (; gone < most && from != nullptr && from->available() > 0; ++gone) {
      const auto where = from->from(from->read_index());
      if (!self.books().is_given_back(where))
        break;
      self.books().settle(where, outcome::returned);
      from->release(1);
    }
    if (gone > 0) {
      failed_item_ = false;
      in_.turn_over();
    }
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
  std::string key_in_hand() const override {
    auto* from = in_.current();
    return key_of(*from->value(from->read_index()));
  }
  ring_base* replays() const override { return replays_; }
  bool only_replays_left() const override { return replays_ != nullptr && in_.only(*replays_); }

  void inputs(std::vector<ring_base*>& rings) const override { in_.waiting_for(rings); }
  bool input_there() const override { return in_.something_there(); }
  std::size_t backlog() const override { return in_.size(); }

protected:
  /// The item at the head of the current ring failed.
  slice_result item_failed(failure why, std::size_t items) {
    failed_item_ = true;
    return failed_with(std::move(why), items);
  }
  /// Something failed with no item in hand: at the end of the stream, say.
  slice_result stage_failed(failure why, std::size_t items) {
    failed_item_ = false;
    return failed_with(std::move(why), items);
  }

  inlet<In> in_;

private:
  const In& next_item_there() const { return *in_.current()->value(in_.current()->read_index()); }

  using key_function = std::function<std::string(const In&)>;

  /// Items whose keys are looked at before they run: their letters wait in the worker until they are handed over.
  static constexpr std::size_t admitted_at_once = 64;

  /// Looks at the keys of up to `there` items, of which the first `items` need none. Returns how many may run.
  std::size_t admit_from(ring<In>& from, std::size_t there, std::size_t items,
                         letter_outbox& letters) {
    for (std::size_t held = 0; items < there - held;) {
      if (held > 0 && letters.keys()->full())
        break;
      auto& item = *from.value(from.read_index() + items);
      auto key = key_of(item);
      const auto where = from.from(from.read_index() + items);
      const auto whom = key.empty() ? std::nullopt : letters.held_behind(key, where);
      if (!whom) {
        ++items;
        continue;
      }
      if (items > 0)
        break;
      letters.hold_behind(*whom, where, kept_as<In>::payload(item), kept_as<In>::type(item),
                          std::move(key));
      from.release(1);
      ++held;
    }
    return items;
  }

  /// The item's key; empty where there is none, also if the function throws: the item will fail by itself, or does not
  /// need it.
  std::string key_of(const In& item) const {
    if (!key_)
      return {};
    try {
      return (*key_)(item);
    } catch (...) {
      return {};
    }
  }

  ring_base* const replays_;
  const std::shared_ptr<const key_function> key_; // of hold_key
  bool failed_item_ = false;
};

} // namespace weir
