#include <weir/mailbox/ring.hpp>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

// When a wake-up is owed, and when not: a wake too few is a pipeline that stands, a wake too many is a
// message for nothing.

namespace {

using weir::internal::ring;

class recording_waker final : public weir::waker {
public:
  void wake() noexcept override { ++woken_; }
  /// Wakes since it was last asked.
  int woken() { return std::exchange(woken_, 0); }

private:
  int woken_ = 0;
};

class RingSleep : public testing::TestWithParam<std::size_t> {
protected:
  RingSleep() {
    items_.set_producer(&producer_);
    items_.set_consumer(&consumer_);
  }

  void fill() {
    while (!items_.try_push(0))
      ;
  }
  std::size_t half() const { return std::max<std::size_t>(1, GetParam() / 2); }

  ring<int> items_{GetParam()};
  recording_waker producer_;
  recording_waker consumer_;
};
INSTANTIATE_TEST_SUITE_P(Capacity, RingSleep, testing::Values(1, 2, 3, 4, 7, 64, 100));

TEST_P(RingSleep, WakesNobodyWhoDoesNotWait) {
  fill();
  items_.release(GetParam());
  fill();
  items_.close();
  EXPECT_EQ(consumer_.woken(), 0);
  EXPECT_EQ(producer_.woken(), 0);
}

TEST_P(RingSleep, WakesAWaitingConsumerOnceForTheNextItem) {
  items_.announce_consumer_waiting();
  EXPECT_FALSE(items_.consumer_may_go_on());
  items_.try_push(1);
  EXPECT_EQ(consumer_.woken(), 1);
  EXPECT_TRUE(items_.consumer_may_go_on());
  items_.try_pop();
  items_.try_push(2);
  EXPECT_EQ(consumer_.woken(), 0) << "it has not announced itself again";
  items_.announce_consumer_waiting();
  items_.try_pop();
  items_.try_push(3);
  EXPECT_EQ(consumer_.woken(), 1);
  EXPECT_EQ(producer_.woken(), 0);
}

TEST_P(RingSleep, WakesAWaitingConsumerForTheEnd) {
  items_.announce_consumer_waiting();
  items_.close();
  EXPECT_EQ(consumer_.woken(), 1);
  EXPECT_TRUE(items_.consumer_may_go_on());
  items_.close();
  EXPECT_EQ(consumer_.woken(), 0);
}

TEST_P(RingSleep, DoesNotWakeAConsumerThatThoughtBetterOfIt) {
  items_.announce_consumer_waiting();
  items_.withdraw_consumer_waiting();
  items_.try_push(1);
  items_.close();
  EXPECT_EQ(consumer_.woken(), 0);
}

TEST_P(RingSleep, LetsAConsumerGoOnWithWhatCameBeforeItAnnouncedItself) {
  items_.try_push(1);
  items_.announce_consumer_waiting();
  EXPECT_TRUE(items_.consumer_may_go_on()) << "or it would sleep beside an item";
  EXPECT_EQ(consumer_.woken(), 0);
}

TEST_P(RingSleep, DoesNotCountWhatTheConsumerIsWorkingOn) {
  fill();
  EXPECT_FALSE(items_.consumer_may_go_on(GetParam()));
  EXPECT_TRUE(items_.consumer_may_go_on(GetParam() - 1));
  items_.close();
  EXPECT_TRUE(items_.consumer_may_go_on(GetParam()));
}

TEST_P(RingSleep, WakesAWaitingProducerOnceHalfTheCapacityIsFree) {
  fill();
  items_.announce_producer_waiting();
  EXPECT_FALSE(items_.producer_may_go_on());
  for (std::size_t free = 1; free <= GetParam(); ++free) {
    items_.release(1);
    EXPECT_EQ(producer_.woken(), free == half() ? 1 : 0) << free << " free";
    EXPECT_EQ(items_.producer_may_go_on(), free >= half()) << free << " free";
  }
  EXPECT_EQ(consumer_.woken(), 0);
}

TEST_P(RingSleep, WakesAWaitingProducerOnceForAWholeSlice) {
  fill();
  items_.announce_producer_waiting();
  items_.release(GetParam());
  EXPECT_EQ(producer_.woken(), 1);
  fill();
  items_.release(GetParam());
  EXPECT_EQ(producer_.woken(), 0) << "it has not announced itself again";
}

TEST_P(RingSleep, LetsAProducerGoOnWithCreditThatCameBeforeItAnnouncedItself) {
  fill();
  items_.release(half());
  items_.announce_producer_waiting();
  EXPECT_TRUE(items_.producer_may_go_on()) << "or it would sleep beside its credit";
  EXPECT_EQ(producer_.woken(), 0);
}

TEST_P(RingSleep, WakesAWaitingProducerOnceSoManySlotsAreFreeAsItWants) {
  for (std::size_t wanted = 1; wanted <= GetParam() + 1; ++wanted) {
    const auto needed = std::min(wanted, GetParam()); // there are never more
    fill();
    items_.announce_producer_waiting(wanted);
    for (std::size_t free = 1; free <= GetParam(); ++free) {
      EXPECT_EQ(items_.producer_may_go_on(), free - 1 >= needed);
      items_.release(1);
      EXPECT_EQ(producer_.woken(), free == needed ? 1 : 0) << free << " free, wants " << wanted;
    }
    EXPECT_TRUE(items_.producer_may_go_on());
  }
}

TEST_P(RingSleep, ForgetsHowMuchAProducerWantedTheLastTime) {
  fill();
  items_.announce_producer_waiting(GetParam());
  items_.withdraw_producer_waiting();
  items_.announce_producer_waiting(1);
  items_.release(1);
  EXPECT_EQ(producer_.woken(), 1);
  items_.announce_producer_waiting(GetParam());
  items_.announce_producer_waiting(); // half the capacity
  for (std::size_t free = 2; free <= GetParam(); ++free)
    items_.release(1);
  EXPECT_EQ(producer_.woken(), GetParam() > 1 ? 1 : 0);
  fill();
  items_.announce_producer_waiting();
  items_.release(half());
  EXPECT_EQ(producer_.woken(), 1);
}

TEST_P(RingSleep, LetsAProducerGoOnWithAllThatItWantsAndNotWithLess) {
  fill();
  items_.release(GetParam() - 1);
  items_.announce_producer_waiting(GetParam());
  EXPECT_FALSE(items_.producer_may_go_on());
  items_.release(1);
  EXPECT_EQ(producer_.woken(), 1);
  items_.announce_producer_waiting(GetParam());
  EXPECT_TRUE(items_.producer_may_go_on()) << "it came before";
  EXPECT_EQ(producer_.woken(), 0);
}

TEST_P(RingSleep, DoesNotWakeAProducerThatThoughtBetterOfIt) {
  fill();
  items_.announce_producer_waiting();
  items_.withdraw_producer_waiting();
  items_.release(GetParam());
  EXPECT_EQ(producer_.woken(), 0);
}

TEST_P(RingSleep, WakesTheProducerWhenTheConsumerGoesAwayWhateverItWaitsFor) {
  for (const bool for_credit : {true, false}) { // or for its own input, or for time
    ring<int> items{GetParam()};
    items.set_producer(&producer_);
    if (for_credit) {
      while (!items.try_push(0))
        ;
      items.announce_producer_waiting();
    }
    items.cancel();
    EXPECT_EQ(producer_.woken(), 1);
    EXPECT_TRUE(items.producer_may_go_on());
  }
  EXPECT_EQ(consumer_.woken(), 0) << "who goes away needs no wake-up";
}

/// Asks, when it is woken, whether there is anything to be woken for.
class asking_waker final : public weir::waker {
public:
  explicit asking_waker(std::function<bool()> may_go_on) : may_go_on_{std::move(may_go_on)} {}
  void wake() noexcept override { answer = may_go_on_(); }
  std::optional<bool> answer;

private:
  std::function<bool()> may_go_on_;
};

TEST_P(RingSleep, WakesOnlyWhenTheChangeCanBeSeen) {
  asking_waker producer{[&] { return items_.producer_may_go_on(); }};
  asking_waker consumer{[&] { return items_.consumer_may_go_on(); }};
  items_.set_producer(&producer);
  items_.set_consumer(&consumer);
  items_.announce_consumer_waiting();
  items_.try_push(1);
  EXPECT_EQ(consumer.answer, true) << "published";
  fill();
  items_.announce_producer_waiting();
  items_.release(GetParam());
  EXPECT_EQ(producer.answer, true) << "released";
  items_.announce_consumer_waiting();
  items_.announce_producer_waiting();
  producer.answer.reset();
  consumer.answer.reset();
  items_.close();
  EXPECT_EQ(consumer.answer, true) << "closed";
  fill();
  items_.cancel();
  EXPECT_EQ(producer.answer, true) << "cancelled";
}

TEST_P(RingSleep, NeedsNobodyToWake) {
  ring<int> alone{GetParam()};
  alone.announce_consumer_waiting();
  alone.announce_producer_waiting();
  alone.try_push(1);
  alone.try_pop();
  alone.announce_consumer_waiting();
  alone.announce_producer_waiting();
  alone.close();
  alone.cancel();
  EXPECT_TRUE(alone.drained());
}

} // namespace
