#include "../counting_waker.hpp"
#include "settling.hpp"

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/batched_settlement.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using settling::said;
using weir::outcome;
using weir::internal::acknowledgement;
using weir::internal::origin;

/// What is told about replayed items.
struct told final : weir::internal::replay_observer {
  void replayed_item_ended(std::uint64_t position, outcome how) noexcept override {
    all += std::to_string(position)
           + (how == outcome::acknowledged    ? " acknowledged "
              : how == outcome::dead_lettered ? " dead "
                                              : " otherwise ");
  }
  std::string all;
};

class Acknowledgement : public testing::Test {
protected:
  Acknowledgement() {
    books_.add_partition("a", 0);
    books_.add_partition("b", 0);
  }

  /// The next `count` items of a partition.
  std::vector<origin> admit(std::uint32_t partition, std::uint64_t count) {
    auto& from = books_.partition_at(partition);
    const auto first = from.last_admitted() + 1;
    from.admit(first, count);
    books_.admitted(count);
    std::vector<origin> items;
    for (std::uint64_t k = 0; k < count; ++k)
      items.emplace_back(partition, first + k);
    return items;
  }
  origin admit_one(std::uint32_t partition = 0) { return admit(partition, 1).front(); }

  /// The ledger in short, "acknowledged 2, in flight 1", with a mark if something is wrong with it.
  std::string ledger() const {
    const auto totals = books_.totals();
    std::string text;
    const auto add = [&](const char* name, std::uint64_t count) {
      if (count > 0)
        text += (text.empty() ? "" : ", ") + std::string{name} + ' ' + std::to_string(count);
    };
    add("acknowledged", totals.acknowledged);
    add("filtered", totals.filtered);
    add("dropped", totals.dropped);
    add("dead-lettered", totals.dead_lettered);
    add("returned", totals.returned);
    add("in flight", totals.in_flight);
    return text + (totals.balanced() ? "" : " UNBALANCED")
           + (books_.settled_twice() ? " SETTLED TWICE" : "");
  }

  acknowledgement books_;
};

TEST_F(Acknowledgement, CountsEveryItemByHowItEnded) {
  EXPECT_EQ(ledger(), "");
  const auto items = admit(0, 5);
  EXPECT_EQ(ledger(), "in flight 5");
  books_.settle(items[0], outcome::acknowledged);
  books_.settle(items[3], outcome::filtered);
  books_.settle(items[1], outcome::dropped);
  books_.settle(items[4], outcome::dead_lettered);
  EXPECT_EQ(ledger(), "acknowledged 1, filtered 1, dropped 1, dead-lettered 1, in flight 1");
  EXPECT_EQ(books_.partition_at(0).prefix(), 2U);
}

TEST_F(Acknowledgement, KeepsLanesApart) {
  const auto a = admit(0, 2);
  const auto b = admit(1, 2);
  books_.settle(a[0], outcome::acknowledged);
  books_.settle(b[1], outcome::acknowledged);
  EXPECT_EQ(books_.partition_at(0).prefix(), 1U);
  EXPECT_EQ(books_.partition_at(1).prefix(), 0U);
  EXPECT_EQ(ledger(), "acknowledged 2, in flight 2");
}

TEST_F(Acknowledgement, OfNothingDoesNothing) {
  books_.settle(origin{}, outcome::acknowledged);
  books_.share(origin{}, 3);
  EXPECT_EQ(ledger(), "");
  EXPECT_EQ(books_.position_of(origin{}).partition, "");
}

TEST_F(Acknowledgement, KnowsWhereAnItemWasRead) {
  const auto a = admit(0, 3);
  const auto b = admit_one(1);
  EXPECT_EQ(books_.position_of(a[2]).partition, "a");
  EXPECT_EQ(books_.position_of(a[2]).position, 3U);
  const auto batch = books_.group({books_.group({b, a[0]}), a[1]});
  EXPECT_EQ(books_.position_of(batch).partition, "b") << "of a batch, its first item";
  EXPECT_EQ(books_.position_of(batch).position, 1U);
  EXPECT_EQ(books_.position_of(books_.group({})).partition, "");
}

TEST_F(Acknowledgement, ReportsWhatIsSettledTwice) {
  const auto item = admit_one();
  books_.settle(item, outcome::acknowledged);
  EXPECT_EQ(ledger(), "acknowledged 1");
  books_.settle(item, outcome::acknowledged);
  EXPECT_EQ(ledger(), "acknowledged 2 UNBALANCED SETTLED TWICE");
}

TEST_F(Acknowledgement, SettlesACopiedItemWithItsLastCopy) {
  const auto item = admit_one();
  books_.share(item, 2);
  books_.settle(item, outcome::dead_lettered);
  books_.settle(item, outcome::acknowledged);
  EXPECT_EQ(ledger(), "in flight 1");
  books_.settle(item, outcome::filtered);
  EXPECT_EQ(ledger(), "dead-lettered 1");
}

TEST_F(Acknowledgement, SettlesTheItemsOfABatchOnce) {
  const auto a = admit(0, 100);
  const auto b = admit(1, 3);
  const auto batch = books_.group({a[0], b[0], a[1], a[99], origin{}, b[1]});
  EXPECT_EQ(ledger(), "in flight 103");
  books_.settle(batch, outcome::acknowledged);
  EXPECT_EQ(ledger(), "acknowledged 5, in flight 98");
}

TEST_F(Acknowledgement, SettlesTheItemsOfABatchOfBatches) {
  const auto items = admit(0, 5);
  const auto inner = books_.group({items[0], items[1]});
  const auto outer = books_.group({inner, items[2], books_.group({items[3], items[4]})});
  books_.settle(outer, outcome::acknowledged);
  EXPECT_EQ(ledger(), "acknowledged 5");
}

TEST_F(Acknowledgement, OfAnEmptyBatchIsNoTrouble) {
  books_.settle(books_.group({}), outcome::acknowledged);
  EXPECT_TRUE(books_.take_apart(books_.group({})).empty());
  EXPECT_EQ(ledger(), "");
}

TEST_F(Acknowledgement, SettlesCopiesOfOneItemInOneBatchAllTheSame) {
  const auto items = admit(0, 2);
  books_.share(items[0], 2); // a stage made three of it
  books_.settle(books_.group({items[0], items[0], items[0], items[1]}), outcome::acknowledged);
  EXPECT_EQ(ledger(), "acknowledged 2");
}

TEST_F(Acknowledgement, SettlesACopiedBatchWithItsLastCopyAndTheGravestEnding) {
  constexpr std::array all{outcome::filtered, outcome::acknowledged, outcome::dropped,
                           outcome::dead_lettered};
  for (const auto first : all)
    for (const auto second : all) {
      acknowledgement books;
      books.add_partition("a", 0);
      books.partition_at(0).admit(1, 3);
      books.admitted(3);
      const auto batch = books.group({{0, 1}, {0, 2}, {0, 3}});
      books.share(batch, 1);
      books.settle(batch, first);
      EXPECT_EQ(books.totals().in_flight, 3U);
      books.settle(batch, second);
      const auto totals = books.totals();
      EXPECT_TRUE(totals.balanced());
      const std::array counts{totals.filtered, totals.acknowledged, totals.dropped,
                              totals.dead_lettered};
      EXPECT_EQ(counts[static_cast<std::size_t>(std::max(first, second))], 3U);
    }
}

TEST_F(Acknowledgement, TakesABatchApartInTheOrderOfItsItems) {
  const auto items = admit(0, 3);
  const auto members = books_.take_apart(books_.group({items[2], items[0], items[1]}));
  EXPECT_EQ(members, (std::vector{items[2], items[0], items[1]}));
  EXPECT_EQ(ledger(), "in flight 3");
  books_.settle(members[0], outcome::acknowledged);
  books_.settle(members[1], outcome::dead_lettered);
  books_.settle(members[2], outcome::filtered);
  EXPECT_EQ(ledger(), "acknowledged 1, filtered 1, dead-lettered 1");
}

TEST_F(Acknowledgement, TakesBothCopiesOfABatchApart) {
  const auto items = admit(0, 2);
  const auto batch = books_.group(items);
  books_.share(batch, 1);
  const auto one = books_.take_apart(batch);
  const auto other = books_.take_apart(batch);
  EXPECT_EQ(one, items);
  EXPECT_EQ(other, items);
  books_.settle(one[0], outcome::acknowledged);
  books_.settle(other[1], outcome::dead_lettered);
  EXPECT_EQ(ledger(), "in flight 2");
  books_.settle(other[0], outcome::acknowledged);
  books_.settle(one[1], outcome::acknowledged);
  EXPECT_EQ(ledger(), "acknowledged 1, dead-lettered 1");
}

TEST_F(Acknowledgement, KeepsTheGravestEndingWhicheverCopyIsTakenApart) {
  for (const bool apart_first : {true, false}) {
    const auto items = admit(0, 2);
    const auto batch = books_.group(items);
    books_.share(batch, 1);
    if (!apart_first)
      books_.settle(batch, outcome::dead_lettered); // one way dead-letters it as a whole
    const auto members = books_.take_apart(batch);  // the other stores its rows
    for (const auto& member : members)
      books_.settle(member, outcome::acknowledged);
    if (apart_first)
      books_.settle(batch, outcome::dead_lettered);
    EXPECT_EQ(ledger(), apart_first ? "dead-lettered 2" : "dead-lettered 4");
  }
}

TEST_F(Acknowledgement, LeavesWhatAnAbortLeftOnItsWayInFlight) {
  acknowledgement books;
  books.add_partition("a", 0);
  books.partition_at(0).admit(1, 2);
  books.admitted(2);
  books.group({books.group({{0, 1}}), {0, 2}}); // freed with the books: the sanitizers look on
  EXPECT_EQ(books.totals().in_flight, 2U);
}

TEST_F(Acknowledgement, SaysHowFarThePartitionsOfABatchAreSettledOnceItIsStored) {
  const auto a = admit(0, 10);
  const auto b = admit(1, 10);
  books_.settle(a[0], outcome::filtered);
  books_.settle(a[3], outcome::dead_lettered);
  const auto points = [&](const std::vector<origin>& batch) {
    std::string text;
    for (const auto& point : books_.points_of(batch, batch.size()).without({}))
      text += (text.empty() ? "" : ", ") + said(point);
    return text;
  };
  EXPECT_EQ(points({}), "");
  EXPECT_EQ(points({a[2], a[1]}), "a 4") << "in whatever order";
  EXPECT_EQ(points({b[0], a[1], b[1], origin{}}), "a 2 +4-4, b 2");
  EXPECT_EQ(points({b[5]}), "b 0 +6-6");
  EXPECT_EQ(ledger(), "filtered 1, dead-lettered 1, in flight 18")
      << "nothing is settled by asking";
}

TEST_F(Acknowledgement, SaysUpToWhereEachPartitionIsSettled) {
  const auto prefixes = [&] {
    std::string text;
    for (const auto& point : books_.settled_prefixes())
      text += (text.empty() ? "" : " ") + point.partition + ':' + std::to_string(point.position);
    return text;
  };
  told observer;
  books_.add_replay_partition(observer);
  const auto a = admit(0, 3);
  EXPECT_EQ(prefixes(), "a:0 b:0") << "what is replayed has no such place";
  books_.settle(a[1], outcome::acknowledged);
  EXPECT_EQ(prefixes(), "a:0 b:0");
  books_.settle(a[0], outcome::acknowledged);
  EXPECT_EQ(prefixes(), "a:2 b:0");
  books_.partition_at(0).begin_close();
  EXPECT_EQ(prefixes(), "a:2 b:0");
  books_.give_back(0);
  EXPECT_EQ(prefixes(), "b:0");
}

TEST(AcknowledgementOfALaterLife, GoesOnWhereTheEarlierWasSettled) {
  acknowledgement books;
  books.add_partition("a", 41);
  EXPECT_EQ(books.settled_prefixes().front().position, 41U);
  books.partition_at(0).admit(42, 1);
  books.admitted(1);
  EXPECT_EQ(books.points_of(std::vector{origin{0, 42}}, 1).without({}).front().position, 42U);
  EXPECT_TRUE(books.totals().balanced()) << "what the earlier life settled is not in this ledger";
}

TEST_F(Acknowledgement, TellsHowTheWayOfEachReplayedItemEnded) {
  told observer;
  books_.add_replay_partition(observer);
  // In no order, far apart and side by side.
  const auto far = books_.admit_replayed(std::uint64_t{1} << 40U);
  const std::vector near{books_.admit_replayed(7), books_.admit_replayed(6)};
  EXPECT_EQ(books_.totals().replayed, 3U);
  EXPECT_EQ(books_.totals().in_flight, 3U);
  {
    weir::internal::batched_settlement stored{books_, outcome::acknowledged};
    stored.add(near);
  }
  EXPECT_EQ(observer.all, "6 acknowledged 7 acknowledged ");
  books_.settle(far, outcome::dead_lettered);
  EXPECT_EQ(observer.all, "6 acknowledged 7 acknowledged 1099511627776 dead ");
  EXPECT_TRUE(books_.totals().balanced());
  EXPECT_EQ(books_.totals().in_flight, 0U);
  EXPECT_TRUE(books_.points_of(near, near.size()).without({}).empty())
      << "no source reads that partition";
  books_.admit_replayed(7); // once more, later
  books_.settle(near[0], outcome::acknowledged);
  EXPECT_FALSE(books_.settled_twice());
  books_.settle(near[0], outcome::acknowledged);
  EXPECT_TRUE(books_.settled_twice());
}

TEST_F(Acknowledgement, CountsAReplayedItemWhenTheLastOfItsCopiesEnds) {
  told observer;
  books_.add_replay_partition(observer);
  const auto item = books_.admit_replayed(3);
  books_.share(item, 2);
  books_.settle(item, outcome::acknowledged);
  books_.settle(item, outcome::dead_lettered);
  EXPECT_EQ(observer.all, "");
  EXPECT_EQ(books_.totals().in_flight, 1U);
  books_.settle(item, outcome::filtered);
  EXPECT_EQ(observer.all, "3 dead ") << "the gravest of them";
  EXPECT_TRUE(books_.totals().balanced());
  // In a batch with others.
  const auto source = admit_one();
  const auto batch = books_.group({source, books_.admit_replayed(4)});
  books_.settle(batch, outcome::acknowledged);
  EXPECT_EQ(observer.all, "3 dead 4 acknowledged ");
  EXPECT_TRUE(books_.totals().balanced());
}

// --- partitions that are closed ----------------------------------------------------------------------

TEST_F(Acknowledgement, CountsWhatIsGivenBackAndWhatOfItComesLate) {
  const auto items = admit(0, 5);
  admit(1, 1);
  books_.settle(items[1], outcome::acknowledged);
  books_.partition_at(0).begin_close();
  EXPECT_FALSE(books_.any_given_back());
  EXPECT_EQ(said(books_.give_back(0)), "a 0 +2-2, 4 returned");
  EXPECT_TRUE(books_.any_given_back());
  EXPECT_EQ(ledger(), "acknowledged 1, returned 4, in flight 1");
  books_.settle(books_.group({items[0], items[2]}), outcome::acknowledged);
  {
    weir::internal::batched_settlement stored{books_, outcome::dead_lettered};
    stored.add(items[3]);
  }
  EXPECT_EQ(books_.late(), 3U);
  EXPECT_TRUE(books_.any_given_back());
  books_.settle(items[4], outcome::filtered);
  EXPECT_EQ(books_.late(), 4U);
  EXPECT_FALSE(books_.any_given_back()) << "all of it has come";
  EXPECT_TRUE(books_.partition_at(0).quiet());
  EXPECT_EQ(ledger(), "acknowledged 1, returned 4, in flight 1") << "late is not counted again";
}

TEST_F(Acknowledgement, HasNothingGivenBackOfAPartitionThatIsAtRest) {
  books_.settle(admit_one(), outcome::acknowledged);
  books_.partition_at(0).begin_close();
  EXPECT_EQ(said(books_.give_back(0)), "a 1, 0 returned, quiet");
  EXPECT_FALSE(books_.any_given_back());
}

TEST_F(Acknowledgement, CountsACopiedItemThatWasGivenBackOnce) {
  const auto item = admit_one();
  books_.share(item, 2);
  books_.settle(item, outcome::acknowledged);
  books_.partition_at(0).begin_close();
  books_.give_back(0);
  books_.settle(item, outcome::acknowledged);
  EXPECT_EQ(books_.late(), 0U);
  EXPECT_TRUE(books_.any_given_back());
  books_.settle(item, outcome::dead_lettered);
  EXPECT_EQ(books_.late(), 1U);
  EXPECT_FALSE(books_.any_given_back());
  EXPECT_EQ(ledger(), "returned 1");
}

TEST_F(Acknowledgement, KnowsWhatWasGivenBackAlready) {
  told observer;
  books_.add_replay_partition(observer);
  const auto a = admit(0, 4);
  const auto b = admit_one(1);
  const auto replayed = books_.admit_replayed(1);
  const auto of_a = books_.group({a[0], a[1]});
  const auto of_both = books_.group({a[2], b});
  const auto nested = books_.group({of_a, a[3]});
  const auto nested_of_both = books_.group({books_.group({a[3]}), of_both});
  const auto empty = books_.group({});
  const auto with_said = books_.group({a[3], origin{}});
  const auto given_back = [&](origin where) { return books_.is_given_back(where); };

  for (const auto one : {a[0], b, of_a, of_both, nested, nested_of_both})
    EXPECT_FALSE(given_back(one));
  books_.partition_at(0).begin_close();
  EXPECT_FALSE(given_back(a[0])) << "it is waited for yet";
  books_.give_back(0);
  for (const auto one : {a[0], of_a, nested})
    EXPECT_TRUE(given_back(one));
  for (const auto one : {b, of_both, nested_of_both, replayed, origin{}, empty, with_said})
    EXPECT_FALSE(given_back(one)) << "somebody waits for it, or for a part of it";
}

TEST_F(Acknowledgement, SettlesTheRestOfABatchOfWhichAPartWasGivenBack) {
  const auto a = admit(0, 2);
  const auto b = admit(1, 2);
  const auto batch = books_.group({a[0], b[0], a[1], b[1]});
  books_.share(batch, 1);
  books_.partition_at(0).begin_close();
  books_.give_back(0);
  for (const auto member : books_.take_apart(batch))
    books_.settle(member, outcome::acknowledged);
  EXPECT_EQ(ledger(), "returned 2, in flight 2");
  EXPECT_EQ(books_.late(), 0U) << "the other copy is on its way";
  books_.settle(batch, outcome::acknowledged);
  EXPECT_EQ(ledger(), "acknowledged 2, returned 2");
  EXPECT_EQ(books_.late(), 2U);
  EXPECT_FALSE(books_.any_given_back());
}

TEST_F(Acknowledgement, WakesTheSourceOfAPartitionThatAnotherOneHasClaimed) {
  weir_test::counting_waker source;
  auto how = settling::opening("c");
  how.source = &source;
  const auto index = books_.open_partition(std::move(how));
  EXPECT_FALSE(books_.partition_at(index).fenced());
  EXPECT_EQ(books_.fences(), 0U);
  books_.fence("nobody's");
  EXPECT_EQ(books_.fences(), 0U);
  books_.fence("c");
  EXPECT_TRUE(books_.partition_at(index).fenced());
  EXPECT_EQ(source.woken, 1);
  EXPECT_EQ(books_.fences(), 1U);
  books_.fence("a"); // nobody reads it
  EXPECT_TRUE(books_.partition_at(0).fenced());
  EXPECT_EQ(source.woken, 1);

  books_.partition_at(index).begin_close();
  books_.give_back(index);
  books_.fence("c");
  EXPECT_EQ(books_.fences(), 2U) << "it was closed meanwhile";
  books_.partitions().forget(index);
  EXPECT_EQ(books_.add_partition("d", 0), index);
  EXPECT_FALSE(books_.partition_at(index).fenced()) << "it is another one";
}

} // namespace
