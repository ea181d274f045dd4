#pragma once

#include <weir/stages/consuming_stepper.hpp>
#include <weir/stages/outlet.hpp>

#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace weir::internal {

/// Hands every item to all flows (a broadcast), or to the one that a function of the user's names (a route).
/// The slowest flow holds up the others: nothing is buffered beyond the mailboxes.
template <class T>
class router_stepper final : public consuming_stepper<T> {
  using consuming_stepper<T>::in_;

public:
  /// Index of the flow; empty: all of them.
  using choice = std::function<std::size_t(const T&)>;

  router_stepper(const ports& where, choice to) : consuming_stepper<T>{where}, to_{std::move(to)} {
    for (const auto& one : where.out)
      out_.emplace_back(one);
  }

  result<void> rebuild(context&) override { return {}; }

  slice_result step(std::size_t budget, worker& self) override {
    if (!flush())
      return without_credit();
    auto* from = in_.next();
    if (from == nullptr) {
      if (!in_.finished())
        return {.what = slice_result::state::waiting, .for_input = true};
      if (!self.letters().all_stored())
        return {.what = slice_result::state::waiting, .time = waiting_as::letters};
      for (auto& one : out_)
        one.close();
      return {.what = slice_result::state::finished};
    }
    const auto first = from->read_index();
    const auto count = std::min(budget, from->available());
    std::size_t done = 0;
    std::optional<failure> failed;
    auto in_hand = self.hands().in_turns();
    for (; done < count && ready() && !self.aborted(); ++done) {
      auto& item = *from->value(first + done);
      const auto where = from->from(first + done);
      if (in_hand)
        in_hand.take(where);
      if (to_) {
        std::size_t flow = 0;
        std::size_t lane = 0;
        try {
          flow = to_(item);
          lane = out_[flow].lane_of(item);
        } catch (...) {
          failed = describe_current_exception();
          break;
        }
        out_[flow].put(std::move(item), where, lane);
      } else {
        failed = copy_to_all(item, where, self);
        if (failed)
          break;
      }
    }
    for (auto& one : out_)
      one.publish();
    if (done > 0)
      from->release(done);
    if (failed)
      return this->item_failed(std::move(*failed), done);
    in_.turn_over();
    return {.items = done};
  }

  void blocked_on(std::vector<ring_base*>& rings) const override {
    for (const auto& one : out_)
      if (!one.ready())
        one.blocked_on(rings);
  }

private:
  /// All copies or none: a copy may throw.
  std::optional<failure> copy_to_all(T& item, origin where, worker& self) {
    if constexpr (std::is_copy_constructible_v<T>) {
      try {
        copies_.clear();
        lanes_.clear();
        for (std::size_t k = 0; k + 1 < out_.size(); ++k)
          copies_.emplace_back(std::as_const(item));
        for (const auto& one : out_)
          lanes_.push_back(one.lane_of(item));
      } catch (...) {
        return describe_current_exception();
      }
      self.books().share(where, static_cast<std::uint32_t>(copies_.size()));
      for (std::size_t k = 0; k < copies_.size(); ++k)
        out_[k].put(std::move(copies_[k]), where, lanes_[k]);
      out_.back().put(std::move(item), where, lanes_.back());
    }
    return std::nullopt;
  }
  bool ready() const {
    return std::ranges::all_of(out_, [](const auto& one) { return one.ready(); });
  }
  bool flush() {
    bool all = true;
    for (auto& one : out_)
      all = one.flush() && all;
    return all;
  }

  const choice to_;
  std::vector<outlet<T>> out_;
  std::vector<T> copies_; // of the item in hand
  std::vector<std::size_t> lanes_;
};

} // namespace weir::internal
