#include <weir/mailbox/partition.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using weir::outcome;
using weir::partition;

/// What a partition does, done with a set.
struct model {
  std::uint64_t last = 0;
  std::set<std::uint64_t> pending;
  std::map<std::uint64_t, std::pair<std::uint32_t, outcome>> copies; // shares left, gravest so far

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
    pending.erase(position);
    return how;
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

  /// Some of the pending positions of one block.
  void settle() {
    if (model_.pending.empty())
      return;
    // Mostly from the front, so that the window moves.
    const auto oldest = *model_.pending.begin();
    const auto from =
        one_in(3) ? oldest : oldest + up_to(std::min(model_.last - oldest, std::uint64_t{600}));
    const auto found = model_.pending.lower_bound(from);
    const auto base = (found == model_.pending.end() ? oldest : *found) / 64 * 64;
    std::uint64_t mask = 0;
    partition::settled_counts expected{};
    const auto how = static_cast<outcome>(up_to(3));
    for (auto position = base; position < base + 64; ++position)
      if (model_.pending.contains(position) && !one_in(6)) {
        mask |= std::uint64_t{1} << (position % 64);
        if (const auto ended = model_.settle(position, how))
          ++expected[static_cast<std::size_t>(*ended)];
      }
    if (mask == 0)
      return;
    partition::settled_counts counts{};
    ASSERT_TRUE(partition_.settle(base, mask, how, counts));
    ASSERT_EQ(counts, expected);
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
    if (one_in(3))
      return; // the cached prefix is left behind
    ASSERT_EQ(partition_.prefix(), model_.prefix());
    ASSERT_EQ(partition_.prefix_with(batch), with);
    const auto used = model_.last - model_.prefix();
    ASSERT_EQ(partition_.room(),
              used < partition::in_flight_max ? partition::in_flight_max - used : 0);
  }

  std::mt19937 random_{GetParam()};
  const std::uint64_t resumed_ = up_to(3 * partition::window);
  partition partition_{"file", resumed_};
  model model_{.last = resumed_, .pending = {}, .copies = {}};
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

} // namespace
