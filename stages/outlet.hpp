#pragma once

#include <weir/stages/stepper.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <vector>

namespace weir::internal {

/// The producer's view of the mailboxes of one next stage. What is put is written into the rings and becomes
/// visible with `publish`; what finds no credit waits here, in order, and the worker takes no new item before
/// it has gone (`ready`).
///
/// Bounded: by what one item, or one slice of batches, leads to.
template <class T>
class outlet {
public:
  using key_function = std::function<std::size_t(const T&)>;

  explicit outlet(const outlet_ports& ports)
      : owned_{ports.rings},
        how_{ports.how},
        key_{std::static_pointer_cast<const key_function>(ports.key)} {
    for (const auto& one : ports.rings)
      rings_.push_back({static_cast<ring<T>*>(one.get()), 0});
    touched_.reserve(rings_.size());
  }
  outlet(outlet&&) = default; // and no copy NOLINT(performance-noexcept-move-constructor)

  /// The only ring, if there is only one: then a stepper may write into it itself.
  ring<T>* single() const { return rings_.size() == 1 ? rings_.front().where : nullptr; }

  /// Is nothing waiting for credit?
  bool ready() const { return waiting_.empty(); }

  /// Which worker a key sends the item to; may throw what the key function throws. 0 without a key.
  std::size_t lane_of(const T& item) const {
    return how_ == spread::by_key ? (*key_)(item) % rings_.size() : 0;
  }

  void put(T item, origin from, std::size_t lane) {
    if (!waiting_.empty() || !write(item, from, lane))
      waiting_.push_back({std::move(item), from, lane});
  }

  /// How many items find credit now, if they spread evenly; it looks no further once they are `enough`.
  std::size_t room(std::size_t enough) const {
    std::size_t items = 0;
    for (auto one = rings_.begin(); one != rings_.end() && items < enough; ++one)
      items += one->where->credit(one->where->capacity());
    return items;
  }

  /// How many items find a place in empty mailboxes.
  std::size_t capacity() const {
    std::size_t items = 0;
    for (const auto& one : rings_)
      items += one.where->capacity();
    return items;
  }

  /// Each ring's share of room for so many items. Where all rings have their share free, there is room.
  std::size_t share_of(std::size_t items) const {
    return (items + rings_.size() - 1) / rings_.size();
  }
  /// The rings with less than that share free.
  void short_of(std::size_t share, std::vector<ring_base*>& rings) const {
    for (const auto& one : rings_)
      if (one.where->capacity() - one.where->size() < std::min(share, one.where->capacity()))
        rings.push_back(one.where);
  }

  /// Writes what waited as far as there is credit, and publishes. Returns `ready()`.
  bool flush() {
    while (!waiting_.empty()) {
      auto& first = waiting_.front();
      if (!write(first.item, first.from, first.lane))
        break;
      waiting_.pop_front();
    }
    publish();
    return ready();
  }

  void publish() {
    if (touched_.empty())
      return;
    run_length_ = std::clamp<std::size_t>(written_ / rings_.size(), 1, run_max);
    written_ = 0;
    run_left_ = 0; // the credits are known anew
    for (auto* one : touched_)
      one->where->publish(std::exchange(one->written, 0));
    touched_.clear();
  }

  void close() {
    for (auto& one : rings_)
      one.where->close();
  }

  /// The rings of which one must give credit before this outlet goes on.
  void blocked_on(std::vector<ring_base*>& rings) const {
    if (how_ == spread::by_key && !waiting_.empty()) {
      rings.push_back(rings_[waiting_.front().lane].where);
      return;
    }
    for (const auto& one : rings_)
      rings.push_back(one.where);
  }

private:
  struct leg {
    ring<T>* where;
    std::size_t written; // beyond the published cursor
  };

  /// Of so many rings at most the credit is looked at before one is chosen: with more the choice is hardly better.
  static constexpr std::size_t looked_at = 8;
  /// So many items in a row at most go the same way, and fewer while a slice has few for each ring.
  static constexpr std::size_t run_max = 16;

  bool write(T& item, origin from, std::size_t lane) {
    auto* const to = how_ == spread::by_key ? with_credit(rings_[lane]) : any();
    if (to == nullptr)
      return false;
    const auto index = to->where->write_index() + to->written;
    std::construct_at(to->where->value(index), std::move(item));
    to->where->from(index) = from;
    if (to->written++ == 0)
      touched_.push_back(to);
    ++written_;
    return true;
  }

  static leg* with_credit(leg& one) {
    return one.where->credit(one.written + 1) > one.written ? &one : nullptr;
  }

  /// The ring that a run of items goes to: among a few in a row the one with the most credit. Those that were not
  /// looked at have their turn next.
  leg* any() {
    if (run_left_ > 0) {
      --run_left_;
      return chosen_;
    }
    std::size_t most = 0;
    for (std::size_t k = 0; k < rings_.size() && (k < looked_at || most == 0); ++k) {
      auto& one = rings_[next_];
      next_ = next_ + 1 < rings_.size() ? next_ + 1 : 0;
      const auto credit = one.where->credit(one.where->capacity());
      if (const auto left = credit > one.written ? credit - one.written : 0; left > most) {
        most = left;
        chosen_ = &one;
      }
    }
    if (most == 0)
      return nullptr;
    run_left_ = std::min(most, run_length_) - 1;
    return chosen_;
  }

  std::vector<std::shared_ptr<ring_base>> owned_;
  std::vector<leg> rings_;
  std::vector<leg*> touched_; // with something to publish; has room for all
  std::size_t written_ = 0;   // since the last publish
  // Of spread::any.
  std::size_t run_length_ = 1;
  std::size_t run_left_ = 0; // items that go to `chosen_` before another one is chosen
  leg* chosen_ = nullptr;
  std::size_t next_ = 0; // to be looked at
  const spread how_;
  const std::shared_ptr<const key_function> key_;
  struct waiting_item {
    T item;
    origin from;
    std::size_t lane;
  };
  std::deque<waiting_item> waiting_;
};

} // namespace weir::internal
