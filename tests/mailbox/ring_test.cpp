#include <weir/mailbox/ring.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using weir::internal::origin;
using weir::internal::ring;

/// An item that can only be moved and that counts how many of its kind are alive.
class counted {
public:
  explicit counted(int n) : number{n} { ++alive; }
  counted(counted&& other) noexcept : number{std::exchange(other.number, -1)} { ++alive; }
  counted& operator=(counted&&) = delete;
  ~counted() { --alive; }

  int number;
  static inline int alive = 0;
};

/// The items in the ring, oldest first, as the consumer sees them.
template <class T>
std::string seen(ring<T>& items) {
  std::string text;
  for (std::size_t k = 0; k < items.available(items.capacity()); ++k)
    text += (k == 0 ? "" : " ") + std::to_string(*items.value(items.read_index() + k));
  return text;
}

TEST(Ring, RefusesACapacityThatIsZeroOrTooLargeAndSaysWhatIsAllowed) {
  for (const auto capacity : {std::size_t{0}, weir::internal::ring_base::capacity_max + 1})
    try {
      const ring<char> accepted{capacity};
      ADD_FAILURE() << "accepted " << capacity;
    } catch (const std::invalid_argument& refused) {
      EXPECT_EQ(std::string{refused.what()},
                "weir: the capacity of a ring must be 1 to 1048576, not "
                    + std::to_string(capacity));
    }
  const ring<char> largest{weir::internal::ring_base::capacity_max};
  EXPECT_EQ(largest.capacity(), weir::internal::ring_base::capacity_max);
}

class RingOf : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Capacity, RingOf, testing::Values(1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 100));

TEST_P(RingOf, GivesExactlyItsCapacityAsCredit) {
  ring<int> items{GetParam()};
  for (std::size_t k = 0; k < GetParam(); ++k) {
    EXPECT_EQ(items.credit(GetParam()), GetParam() - k);
    EXPECT_EQ(items.size(), k);
    EXPECT_FALSE(items.try_push(static_cast<int>(k)));
  }
  EXPECT_EQ(items.credit(1), 0U);
  EXPECT_EQ(items.size(), GetParam());
  EXPECT_EQ(items.try_push(42), 42);

  EXPECT_EQ(items.try_pop(), 0);
  EXPECT_EQ(items.credit(GetParam()), 1U);
  EXPECT_FALSE(items.try_push(42));
  EXPECT_TRUE(items.try_push(43));
}

TEST_P(RingOf, KeepsTheOrderOverManyWraps) {
  ring<std::uint64_t> items{GetParam()};
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  while (out < 1000 * GetParam()) {
    while (!items.try_push(in))
      ++in;
    for (auto keep = in / 3 % GetParam(); items.size() > keep; ++out)
      ASSERT_EQ(items.try_pop(), out);
  }
}

TEST_P(RingOf, DoesWhatADequeWithALimitDoes) {
  const auto capacity = GetParam();
  std::mt19937 random{static_cast<unsigned>(capacity)};
  const auto up_to = [&](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>{0, most}(random);
  };
  ring<std::uint64_t> items{capacity};
  std::deque<std::uint64_t> model;
  std::uint64_t next = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (up_to(1) == 0) { // a slice is written and published
      const auto wanted = up_to(capacity);
      const auto credit = items.credit(wanted);
      ASSERT_LE(credit, capacity - model.size()) << "credit that isn't there";
      ASSERT_GE(credit, std::min(wanted, capacity - model.size())) << "credit withheld";
      const auto count = std::min(wanted, credit);
      for (std::size_t k = 0; k < count; ++k) {
        const auto at = items.write_index() + k;
        std::construct_at(items.value(at), next);
        items.from(at) = origin{1, next};
        model.push_back(next++);
      }
      items.publish(count);
    } else { // a slice is read and released
      const auto wanted = up_to(capacity);
      const auto available = items.available(wanted);
      ASSERT_LE(available, model.size()) << "items that aren't there";
      ASSERT_GE(available, std::min(wanted, model.size())) << "items withheld";
      const auto count = std::min(wanted, available);
      for (std::size_t k = 0; k < count; ++k) {
        const auto at = items.read_index() + k;
        ASSERT_EQ(*items.value(at), model[k]);
        ASSERT_EQ(items.from(at), (origin{1, model[k]}));
      }
      items.release(count);
      model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(count));
    }
    ASSERT_EQ(items.size(), model.size());
    ASSERT_EQ(items.write_index() - items.read_index(), model.size());
  }
}

TEST_P(RingOf, LaysSlotsSideBySideAsFarAsItSays) {
  ring<int> items{GetParam()};
  for (std::size_t index = 0; index < 3 * GetParam(); ++index) {
    const auto run = items.contiguous(index);
    ASSERT_GE(run, 1U);
    for (std::size_t k = 1; k < run; ++k) {
      ASSERT_EQ(items.value(index + k), items.value(index) + k);
      ASSERT_EQ(&items.from(index + k), &items.from(index) + k);
    }
    ASSERT_NE(items.value(index + run), items.value(index) + run) << "it could have said more";
  }
}

TEST(Ring, ShowsNothingThatIsNotPublished) {
  ring<int> items{4};
  std::construct_at(items.value(items.write_index()), 1);
  std::construct_at(items.value(items.write_index() + 1), 2);
  EXPECT_EQ(seen(items), "");
  items.publish(1);
  EXPECT_EQ(seen(items), "1");
  std::construct_at(items.value(items.write_index()),
                    3); // the slice was rolled back and written anew
  items.publish(1);
  EXPECT_EQ(seen(items), "1 3");
}

TEST(Ring, KeepsWhatIsReadUntilItIsReleased) {
  ring<int> items{2};
  EXPECT_FALSE(items.try_push(1));
  EXPECT_FALSE(items.try_push(2));
  EXPECT_EQ(seen(items), "1 2");
  EXPECT_EQ(seen(items), "1 2");
  EXPECT_EQ(items.credit(1), 0U) << "what is only read gives no credit";
  items.release(1);
  EXPECT_EQ(seen(items), "2");
  EXPECT_EQ(items.credit(1), 1U);
}

TEST(Ring, HandsBackWhatItRejects) {
  ring<std::unique_ptr<int>> items{1};
  EXPECT_FALSE(items.try_push(std::make_unique<int>(1)));
  auto rejected = items.try_push(std::make_unique<int>(2));
  ASSERT_TRUE(rejected && *rejected);
  EXPECT_EQ(**rejected, 2);
  items.cancel();
  EXPECT_EQ(**items.try_pop(), 1);
  rejected = items.try_push(std::move(*rejected)); // there is room, but nobody to read it
  ASSERT_TRUE(rejected && *rejected);
  EXPECT_EQ(**rejected, 2);
}

TEST(Ring, NeitherLeaksNorDoublesItems) {
  ASSERT_EQ(counted::alive, 0);
  {
    ring<counted> items{3};
    for (int round = 0; round < 10; ++round) {
      for (int k = 0; k < 5; ++k) // two of them are rejected
        EXPECT_EQ(items.try_push(counted{k}).has_value(), k > 2);
      EXPECT_EQ(counted::alive, 3);
      EXPECT_EQ(items.try_pop()->number, 0);
      EXPECT_EQ(counted::alive, 2);
      items.release(2);
      EXPECT_EQ(counted::alive, 0);
    }
  }
  EXPECT_EQ(counted::alive, 0);
}

TEST(Ring, DestroysWhatIsLeftAndOnlyThat) {
  {
    ring<counted> items{5};
    for (int k = 0; k < 4; ++k) { // so that what is left lies across the end of the memory
      items.try_push(counted{k});
      items.try_pop();
    }
    for (int k = 0; k < 5; ++k)
      items.try_push(counted{k});
    items.release(1);
    items.close();
    items.cancel();
    EXPECT_EQ(counted::alive, 4);
  }
  EXPECT_EQ(counted::alive, 0);
}

TEST(Ring, AlignsItsValues) {
  struct alignas(256) wide {
    char byte;
  };
  ring<wide> items{3};
  for (std::size_t k = 0; k < 4; ++k)
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(items.value(k)) % 256, 0U);
}

/// Throws when the copy in the ring, not the argument, is made.
struct fragile {
  explicit fragile(int n) : number{n} {}
  fragile(fragile&& other) // NOLINT(performance-noexcept-move-constructor): that is the point
      : number{other.number} {
    if (moves_left-- == 0)
      throw std::runtime_error{"moved once too often"};
  }
  int number;
  static inline int moves_left = 0;
};

TEST(Ring, StaysAsItWasWhenAnItemCanNotBeMoved) {
  ring<fragile> items{2};
  fragile::moves_left = 0;
  EXPECT_THROW(items.try_push(fragile{1}), std::runtime_error);
  EXPECT_EQ(items.available(), 0U);
  fragile::moves_left = 1;
  EXPECT_FALSE(items.try_push(fragile{2}));
  fragile::moves_left = 0;
  EXPECT_THROW(items.try_pop(), std::runtime_error);
  fragile::moves_left = 100;
  EXPECT_EQ(items.try_pop()->number, 2);
}

TEST(Ring, IsDrainedOnceItIsClosedAndEmpty) {
  ring<int> items{2};
  EXPECT_FALSE(items.drained()) << "empty, but more may come";
  items.try_push(1);
  items.try_push(2);
  items.close(); // though there is no credit
  items.close();
  EXPECT_FALSE(items.drained());
  EXPECT_EQ(items.try_pop(), 1);
  EXPECT_FALSE(items.drained());
  EXPECT_EQ(items.try_pop(), 2);
  EXPECT_TRUE(items.drained());
  EXPECT_EQ(items.try_pop(), std::nullopt);
}

TEST(Ring, KeepsItsItemsWhenItIsCancelled) {
  ring<int> items{2};
  items.try_push(1);
  EXPECT_FALSE(items.cancelled());
  items.cancel();
  items.cancel();
  EXPECT_TRUE(items.cancelled());
  EXPECT_EQ(seen(items), "1");
  EXPECT_FALSE(items.drained()) << "the producer did not close it";
}

} // namespace
