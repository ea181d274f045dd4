#pragma once

#include <weir/stages/stepper.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <vector>

namespace weir {

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

  /// How many items find credit now, if they spread evenly.
  std::size_t room() const {
    std::size_t items = 0;
    for (const auto& one : rings_)
      items += one.where->credit(one.where->capacity());
    return items;
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
    for (auto& one : rings_)
      if (one.written > 0)
        one.where->publish(std::exchange(one.written, 0));
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

  bool write(T& item, origin from, std::size_t lane) {
    leg* best = nullptr;
    if (how_ == spread::by_key) {
      best = &rings_[lane];
      if (best->where->credit(best->written + 1) <= best->written)
        return false;
    } else {
      std::size_t most = 0;
      for (auto& one : rings_) {
        const auto credit = one.where->credit(one.where->capacity());
        const auto left = credit > one.written ? credit - one.written : 0;
        if (left > most) {
          most = left;
          best = &one;
        }
      }
      if (best == nullptr)
        return false;
    }
    const auto index = best->where->write_index() + best->written;
    std::construct_at(best->where->value(index), std::move(item));
    best->where->from(index) = from;
    ++best->written;
    return true;
  }

  std::vector<std::shared_ptr<ring_base>> owned_;
  std::vector<leg> rings_;
  const spread how_;
  const std::shared_ptr<const key_function> key_;
  struct waiting_item {
    T item;
    origin from;
    std::size_t lane;
  };
  std::deque<waiting_item> waiting_;
};

} // namespace weir
