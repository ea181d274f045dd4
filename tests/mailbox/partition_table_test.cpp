#include "settling.hpp"

#include <weir/mailbox/partition_table.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using settling::opening;
using settling::settle;
using weir::internal::origin;
using weir::internal::partition;
using weir::internal::partition_table;

/// Every partition that is not closed: "0 a, 2 c".
std::string open_ones(const partition_table& all) {
  std::string text;
  all.each([&](std::uint32_t index, const partition& one) {
    if (one.now_is() != partition::state::closed)
      text += (text.empty() ? "" : ", ") + std::to_string(index) + ' ' + one.name();
  });
  return text;
}

void close(partition_table& all, std::uint32_t index) {
  all.at(index).begin_close();
  all.at(index).give_back();
}

TEST(PartitionTable, OfNothingIsEmpty) {
  const partition_table all;
  EXPECT_EQ(all.size(), 0U);
  EXPECT_EQ(open_ones(all), "");
  EXPECT_EQ(all.find("a"), std::nullopt);
}

TEST(PartitionTable, FindsWhatIsOpenByIndexAndByName) {
  partition_table all;
  EXPECT_EQ(all.open(opening("a", 7)), 0U);
  EXPECT_EQ(all.open(opening("b")), 1U);
  EXPECT_EQ(all.size(), 2U);
  EXPECT_EQ(all.at(0).name(), "a");
  EXPECT_EQ(all.at(0).last_admitted(), 7U);
  EXPECT_EQ(all.find("b"), 1U);
  EXPECT_EQ(all.find("c"), std::nullopt);
  EXPECT_EQ(all.find(""), std::nullopt);
  EXPECT_EQ(open_ones(all), "0 a, 1 b");
}

TEST(PartitionTable, RefusesANameThatIsOpenAlready) {
  partition_table all;
  all.open(opening("a"));
  const auto refused = [&] {
    try {
      all.open(opening("a"));
      return std::string{"opened"};
    } catch (const std::invalid_argument& why) {
      return std::string{why.what()};
    }
  };
  EXPECT_EQ(refused(), "weir: partition 'a' is open already");
  all.at(0).begin_close();
  EXPECT_EQ(refused(), "weir: partition 'a' is open already") << "as long as it is not closed";
  EXPECT_EQ(all.size(), 1U);
  all.at(0).give_back();
  EXPECT_EQ(refused(), "opened");
  EXPECT_EQ(all.find("a"), 1U) << "not the one that is closed";
}

TEST(PartitionTable, RefusesAPositionThatNoOriginCanHold) {
  partition_table all;
  EXPECT_EQ(all.open(opening("a", origin::position_max)), 0U);
  EXPECT_THROW(all.open(opening("b", origin::position_max + 1)), std::length_error);
  EXPECT_EQ(open_ones(all), "0 a");
}

TEST(PartitionTable, UsesAnIndexAgainOnlyWhenItsPartitionIsForgottenAndQuiet) {
  partition_table all;
  all.open(opening("a"));
  all.at(0).admit(1, 2);
  const auto* const place = &all.at(0);
  close(all, 0);
  EXPECT_EQ(open_ones(all), "");
  EXPECT_EQ(all.open(opening("b")), 1U) << "its source may still ask for it";
  all.forget(0);
  EXPECT_EQ(all.open(opening("c")), 2U) << "its items are still on their way";
  settle(all.at(0), 1);
  EXPECT_EQ(all.open(opening("d")), 3U);
  settle(all.at(0), 2);
  EXPECT_EQ(all.open(opening("e")), 0U);
  EXPECT_EQ(&all.at(0), place);
  EXPECT_EQ(all.open(opening("f")), 4U) << "once";
  EXPECT_EQ(all.find("a"), std::nullopt);
  EXPECT_EQ(all.find("e"), 0U);
  EXPECT_EQ(open_ones(all), "0 e, 1 b, 2 c, 3 d, 4 f");
}

TEST(PartitionTable, UsesWhicheverIndexIsQuiet) {
  partition_table all;
  for (const auto* name : {"a", "b", "c"})
    all.at(all.open(opening(name))).admit(1, 1);
  for (const std::uint32_t index : {0U, 1U, 2U}) {
    close(all, index);
    all.forget(index);
  }
  settle(all.at(1), 1);
  EXPECT_EQ(all.open(opening("a")), 1U) << "also of the same name";
  settle(all.at(2), 1);
  settle(all.at(0), 1);
  EXPECT_EQ(all.open(opening("d")), 0U);
  EXPECT_EQ(all.open(opening("e")), 2U);
  EXPECT_EQ(all.open(opening("f")), 3U);
}

TEST(PartitionTableDeathTest, ForgetsOnlyWhatIsClosed) {
  partition_table all;
  all.open(opening("a"));
  EXPECT_DEATH(all.forget(0), "only a closed partition may be forgotten");
}

TEST(PartitionTable, KeepsItsPartitionsWhereTheyAreWhateverIsOpened) {
  partition_table all;
  std::vector<const partition*> places;
  for (std::uint32_t k = 0; k < 300; ++k) {
    ASSERT_EQ(all.open(opening(std::to_string(k), k)), k);
    places.push_back(&all.at(k));
  }
  EXPECT_EQ(all.size(), 300U);
  std::uint32_t seen = 0;
  all.each([&](std::uint32_t index, const partition& one) {
    EXPECT_EQ(index, seen++);
    EXPECT_EQ(&one, places[index]);
    EXPECT_EQ(one.name(), std::to_string(index));
    EXPECT_EQ(one.last_admitted(), index);
  });
  EXPECT_EQ(seen, 300U);
  EXPECT_EQ(all.find("299"), 299U);
}

TEST(PartitionTable, IsUsedWhileOthersAreOpened) {
  constexpr std::uint32_t most = 300;
  partition_table all;
  all.open(opening("0"));
  all.at(0).admit(1, 1);
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  std::atomic<std::uint64_t> wrong{0};
  for (int k = 0; k < 2; ++k)
    readers.emplace_back([&] {
      while (!done) {
        std::this_thread::yield(); // it is the opening that has to get on
        const auto known = static_cast<std::uint32_t>(all.size());
        // What an item asks on its way, and what is asked by name.
        for (std::uint32_t index = 0; index < known; index += 1 + known / 5)
          wrong += all.at(index).last_admitted() != 1 ? 1U : 0U;
        wrong += all.find("0") != 0U ? 1U : 0U;
        all.each([&](std::uint32_t, const partition& one) {
          wrong += one.last_admitted() > 1 ? 1U : 0U;
        });
      }
    });
  for (std::uint32_t k = 1; k < most; ++k) {
    EXPECT_EQ(all.open(opening(std::to_string(k), 1)), k);
    if (k % 3 == 0) { // and closed, and opened again
      close(all, k);
      all.forget(k);
      EXPECT_EQ(all.open(opening(std::to_string(k), 1)), k);
    }
  }
  done = true;
  for (auto& one : readers)
    one.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(all.size(), most);
}

} // namespace
