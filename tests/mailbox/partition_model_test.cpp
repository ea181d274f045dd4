#include "settling.hpp"

#include <weir/mailbox/partition.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using settling::said;
using weir::outcome;
using weir::internal::partition;

/// What a partition does, done with sets.
struct model {
  std::uint64_t last = 0;
  std::set<std::uint64_t> pending;
  std::set<std::uint64_t> late;           // were given back, and still come
  std::map<std::uint64_t, outcome> ended; // beyond the prefix
  std::map<std::uint64_t, std::pair<std::uint32_t, outcome>> copies; // shares left, gravest so far

  /// It was opened behind this position.
  static model behind(std::uint64_t position) {
    model made;
    made.last = position;
    return made;
  }
  std::uint64_t prefix() const { return pending.empty() ? last : *pending.begin() - 1; }
  std::uint64_t prefix_with(const std::multiset<std::uint64_t>& given) const {
    for (const auto position : pending) {
      const auto found = copies.find(position);
      if (given.count(position) < (found == copies.end() ? 1 : found->second.first + 1))
        return position - 1;
    }
    return last;
  }
  /// One share; returns how the item ended if that was the last.
  std::optional<outcome> settle(std::uint64_t position, outcome how) {
    if (const auto found = copies.find(position); found != copies.end()) {
      auto& [shares, gravest] = found->second;
      gravest = std::max(gravest, how);
      if (shares-- > 0)
        return std::nullopt;
      how = gravest;
      copies.erase(found);
    }
    if (pending.erase(position) > 0)
      ended[position] = how;
    late.erase(position);
    return how;
  }
  /// All up to `last` but what is pending.
  weir::partition_point point(std::string name) const {
    weir::partition_point made{std::move(name), prefix()};
    for (auto one = pending.begin(); one != pending.end(); ++one) {
      const auto next = std::next(one) == pending.end() ? last + 1 : *std::next(one);
      if (*one + 1 < next)
        made.beyond.push_back({*one + 1, next - 1});
    }
    return made;
  }
  void give_back() {
    for (const auto position : pending)
      ended[position] = outcome::returned;
    late = std::exchange(pending, {});
  }
};

class PartitionModel : public testing::TestWithParam<unsigned> {
protected:
  std::uint64_t up_to(std::uint64_t most) {
    return std::uniform_int_distribution<std::uint64_t>{0, most}(random_);
  }
  bool one_in(std::uint64_t n) { return up_to(n - 1) == 0; }

  void admit() {
    auto first = model_.last + 1;
    if (one_in(10))
      first += one_in(20) ? up_to(partition::window) : up_to(200);
    if (!partition_.reaches(first)) {
      if (model_.pending.empty())
        partition_.jump_to(first);
      else
        first = model_.last + 1;
    }
    const auto room =
        std::min(partition_.room(), up_to(one_in(50) ? partition::in_flight_max : 400));
    if (room == 0 || !partition_.reaches(first + room - 1)) {
      model_.last = partition_.last_admitted(); // it may have jumped
      return;
    }
    partition_.admit(first, room);
    for (auto position = first; position < first + room; ++position) {
      model_.pending.insert(model_.pending.end(), position);
      if (one_in(40)) {
        const auto more = static_cast<std::uint32_t>(1 + up_to(2));
        partition_.share(position, more);
        model_.copies[position] = {more, outcome::filtered};
      }
    }
    model_.last = first + room - 1;
  }

  /// Some of the positions of one block that are in flight, or late.
  void settle() {
    const bool closed = partition_.now_is() == partition::state::closed;
    auto& to_come = closed ? model_.late : model_.pending;
    if (to_come.empty())
      return;
    // Mostly from the front, so that the window moves.
    const auto oldest = *to_come.begin();
    const auto from =
        one_in(3) ? oldest : oldest + up_to(std::min(model_.last - oldest, std::uint64_t{600}));
    const auto found = to_come.lower_bound(from);
    const auto base = (found == to_come.end() ? oldest : *found) / 64 * 64;
    std::uint64_t mask = 0;
    partition::settled_now expected;
    const auto how = static_cast<outcome>(up_to(weir::internal::outcomes_count - 1));
    for (auto position = base; position < base + 64; ++position)
      if (to_come.contains(position) && !one_in(6)) {
        mask |= std::uint64_t{1} << (position % 64);
        if (const auto ended = model_.settle(position, how))
          ++(closed ? expected.late : expected.counts[static_cast<std::size_t>(*ended)]);
      }
    if (mask == 0)
      return;
    expected.now_quiet = closed && to_come.empty();
    ASSERT_EQ(said(partition_.settle(base, mask, how)), said(expected));
    ASSERT_EQ(partition_.quiet(), expected.now_quiet);
  }

  void compare() {
    // As a sink asks: with some that are in hand, some settled already, some twice, in order.
    std::vector<std::uint64_t> batch;
    const auto start = model_.prefix() - std::min(model_.prefix(), std::uint64_t{5});
    for (auto position = start; position < start + up_to(200); ++position)
      if (position <= model_.last && !one_in(50))
        batch.insert(batch.end(), 1 + (one_in(10) ? 1 : 0), position);
    const auto with = model_.prefix_with({batch.begin(), batch.end()});
    ASSERT_EQ(partition_.prefix_with(batch), with);
    ASSERT_EQ(partition_.in_flight(), model_.pending.size());
    ASSERT_EQ(partition_.point(), model_.point(partition_.name()));
    model_.ended.erase(model_.ended.begin(), model_.ended.upper_bound(model_.prefix()));
    if (keeps_outcomes_)
      compare_outcomes();
    if (one_in(3))
      return; // the cached prefix is left behind
    ASSERT_EQ(partition_.prefix(), model_.prefix());
    ASSERT_EQ(partition_.prefix_with(batch), with);
    ASSERT_EQ(partition_.point(), model_.point(partition_.name()));
    const auto used = model_.last - model_.prefix();
    ASSERT_EQ(partition_.room(),
              used < partition::in_flight_max && partition_.now_is() == partition::state::open
                  ? partition::in_flight_max - used
                  : 0);
  }

  void compare_outcomes() {
    const auto first = model_.ended.empty() ? model_.last : model_.ended.begin()->first;
    for (int k = 0; k < 50; ++k) {
      const auto position = first + up_to(std::min(model_.last - first, std::uint64_t{2000}));
      if (model_.ended.contains(position)) {
        ASSERT_EQ(partition_.outcome_of(position), model_.ended.at(position));
      } else if (model_.pending.contains(position)) {
        ASSERT_EQ(partition_.outcome_of(position), std::nullopt);
      }
    }
  }

  void give_back() {
    auto expected = model_.point(partition_.name());
    const auto done = partition_.give_back();
    ASSERT_EQ(done.settled, expected);
    ASSERT_EQ(done.returned, model_.pending.size());
    ASSERT_EQ(done.now_quiet, model_.pending.empty());
    model_.give_back();
    ASSERT_EQ(partition_.in_flight(), 0U);
    ASSERT_EQ(partition_.quiet(), model_.late.empty());
    if (keeps_outcomes_)
      compare_outcomes();
  }

  void reopen() {
    const auto behind = up_to(3 * partition::window);
    auto how = settling::opening("file " + std::to_string(behind), behind);
    how.keeps_outcomes = keeps_outcomes_ = one_in(2);
    partition_.reopen(std::move(how));
    model_ = model::behind(behind);
  }

  std::mt19937 random_{GetParam()};
  const std::uint64_t resumed_ = up_to(3 * partition::window);
  bool keeps_outcomes_ = false;
  partition partition_{settling::opening("file", resumed_)};
  model model_ = model::behind(resumed_);
};
INSTANTIATE_TEST_SUITE_P(Seed, PartitionModel, testing::Range(0U, 6U));

TEST_P(PartitionModel, DoesWhatASetOfPendingPositionsDoes) {
  while (model_.last < resumed_ + 3 * partition::window && !HasFailure()) {
    if (model_.pending.size() < 2000 && one_in(8))
      admit();
    settle();
    if (one_in(20))
      compare();
  }
  while (!model_.pending.empty() && !HasFailure())
    settle();
  compare();
  EXPECT_EQ(partition_.in_flight(), 0U);
}

TEST_P(PartitionModel, DoesSoWhenItIsClosedAtAnyMomentAndBecomesAnother) {
  for (int life = 0; life < 6 && !HasFailure(); ++life) {
    const auto steps = [&](std::uint64_t most, bool open) {
      for (auto left = up_to(most); left > 0 && !HasFailure(); --left) {
        if (open && model_.pending.size() < 2000 && one_in(8))
          admit();
        settle();
        if (one_in(20))
          compare();
      }
    };
    steps(one_in(10) ? 5'000 : 500, true);
    partition_.begin_close();
    steps(50, false);
    if (one_in(4)) // it is waited for to its end
      while (!model_.pending.empty() && !HasFailure())
        settle();
    give_back();
    while (!model_.late.empty() && !HasFailure())
      settle();
    ASSERT_TRUE(partition_.quiet());
    reopen();
    compare();
  }
}

} // namespace
