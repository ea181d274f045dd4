#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/stages/item_key.hpp>
#include <weir/stages/key_lines.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/stages/taking_inlet.hpp>
#include <weir/stages/worker.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace weir::internal {

/// The mailbox of a stage that has several items in hand; with flow::hold_key it knows which of them may be taken.
///
/// At the bound of its held keys a stage takes nothing but what is replayed. What comes through the ring of the replay
/// goes before the items of its key that stand in line, but not beside one that goes on: there it waits in its ring.
/// Owner: the stepper.
template <class In>
class keyed_inlet {
public:
  explicit keyed_inlet(const ports& where)
      : rings_{where.in}, replays_{where.replays}, key_{where} {}

  /// Turns to an item that may be taken; false if there is none.
  bool next(const key_lines& lines, worker& self) {
    if (!key_)
      return rings_.next();
    for (; rings_.next(); rings_.pass_over()) {
      if (may_be_taken(lines, self))
        return true;
      stopped_ = true;
    }
    return false;
  }

  // The item that `next` turned to.
  std::size_t current() const { return rings_.current(); }
  ring<In>& from() const { return rings_.from(); }
  std::size_t index() const { return rings_.index(); }
  In& item() const { return *from().value(index()); }
  origin where() const { return from().from(index()); }
  /// Empty if it has none.
  const std::string& key() const { return next_key_; }
  /// Is it a letter of this stage?
  bool is_letter() const { return &from() == replays_; }
  void take() { rings_.take(); }
  void turn_over() { rings_.turn_over(); }

  /// An item that was taken and has stayed in its place.
  In& taken(std::size_t input, std::size_t index) { return *rings_.ring_at(input).value(index); }
  void release(std::size_t input) { rings_.release(input); }

  // --- waiting -------------------------------------------------------------------------------------

  /// From here on it is known anew what stops it.
  void forget_stops() {
    stopped_ = at_bound_ = false;
    if (key_)
      rings_.forget_passed_over();
  }
  /// Does nothing come before something that was taken has ended? Of what is replayed nobody knows; with hold_key its
  /// ring is closed only when all the others are empty.
  bool waits_for_ends(const key_lines& lines) const {
    return stopped_ || lines.standing() > 0 || rings_.exhausted_but_for(replays_);
  }
  /// Did something stay that may be taken once there are fewer letters of held keys?
  bool at_bound() const { return at_bound_; }
  /// May an item begin that has not begun? At the bound only if it is replayed; and one that was given back is let go.
  bool may_begin(origin where, bool is_replayed, worker& self) {
    const auto& books = self.books();
    if (is_replayed || !self.letters().keys()->full()
        || (books.any_given_back() && books.is_given_back(where)))
      return true;
    stopped_ = at_bound_ = true;
    return false;
  }
  /// Is there an item that could be taken, if it were not for a permit?
  bool untaken() const { return rings_.untaken(); }
  bool exhausted() const { return rings_.exhausted(); }
  /// Can nothing come any more but what is replayed?
  bool only_replays_left() const { return replays_ != nullptr && rings_.only(*replays_); }

  void waiting_for(std::vector<ring_base*>& rings) const { rings_.waiting_for(rings); }
  bool something_there() const { return rings_.something_there(); }
  std::size_t size() const { return rings_.size(); }

private:
  bool may_be_taken(const key_lines& lines, worker& self) {
    if (!is_letter() && !may_begin(where(), self.is_replayed(where()), self))
      return false;
    next_key_ = key_.of(item());
    return !is_letter() || !lines.goes_on(next_key_);
  }

  taking_inlet<In> rings_;
  ring_base* const replays_;
  const item_key<In> key_;
  std::string next_key_;
  bool stopped_ = false;
  bool at_bound_ = false;
};

} // namespace weir::internal
