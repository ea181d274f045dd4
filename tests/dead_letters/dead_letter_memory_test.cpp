#include <weir/dead_letters/dead_letter_memory.hpp>

#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using weir::dead_letter;
using weir::dead_letters::memory;

dead_letter letter(std::uint64_t position, std::string payload = "as it was") {
  dead_letter one;
  one.pipeline = "events";
  one.stage = "parse";
  one.source = "events.jsonl";
  one.position = position;
  one.payload = std::move(payload);
  one.attempts = 1;
  one.why = weir::poison("it is broken");
  return one;
}

/// What is kept, "1 2 3", with the payload where it was changed.
std::string kept(const memory& store) {
  std::string text;
  for (const auto& one : store.letters()) {
    text += (text.empty() ? "" : " ") + std::to_string(one.position);
    if (one.payload != "as it was")
      text += ':' + one.payload;
  }
  return text;
}

weir::result<void> put(memory& store, std::vector<dead_letter> letters) {
  return store.put(letters);
}

TEST(DeadLetterMemory, KeepsLettersInTheOrderOfArrival) {
  memory store;
  EXPECT_TRUE(store.open());
  EXPECT_TRUE(put(store, {letter(3), letter(1)}));
  EXPECT_TRUE(put(store, {letter(2)}));
  EXPECT_TRUE(put(store, {}));
  EXPECT_EQ(kept(store), "3 1 2");
  EXPECT_EQ(store.letters().front().why.message(), "it is broken");
}

TEST(DeadLetterMemory, RefusesWhatIsTooMuchAndKeepsWhatItHas) {
  memory store{3};
  EXPECT_TRUE(put(store, {letter(1), letter(2), letter(3)})) << "exactly full";
  const auto answer = put(store, {letter(4)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, weir::failure_kind::transient) << "to be offered again later";
  EXPECT_EQ(answer.error().message(), "the dead letters in memory are full (capacity 3)");
  EXPECT_EQ(kept(store), "1 2 3");
}

TEST(DeadLetterMemory, KeepsAllOfASliceOrNone) {
  memory store{3};
  EXPECT_TRUE(put(store, {letter(1), letter(2)}));
  EXPECT_FALSE(put(store, {letter(3), letter(4)}));
  EXPECT_EQ(kept(store), "1 2") << "not even the one that there was room for";
  EXPECT_FALSE(put(store, {letter(1, "again"), letter(3), letter(4)}));
  EXPECT_EQ(kept(store), "1 2") << "nor the one that would have replaced another";
}

TEST(DeadLetterMemory, ReplacesALetterThatCameBefore) {
  memory store{2};
  EXPECT_TRUE(put(store, {letter(1), letter(2)}));
  EXPECT_TRUE(put(store, {letter(1, "again")})) << "though it is full";
  EXPECT_EQ(kept(store), "1:again 2");
}

TEST(DeadLetterMemory, TellsLettersApartByEachPartOfWhereTheyCameFrom) {
  memory store;
  auto other_pipeline = letter(1);
  other_pipeline.pipeline = "orders";
  auto other_stage = letter(1);
  other_stage.stage = "store";
  auto other_source = letter(1);
  other_source.source = "more.jsonl";
  auto other_part = letter(1);
  other_part.part = 1;
  EXPECT_TRUE(
      put(store, {letter(1), other_pipeline, other_stage, other_source, letter(2), other_part}));
  EXPECT_EQ(kept(store), "1 1 1 1 2 1");
}

TEST(DeadLetterMemory, CountsALetterOnceThatComesTwiceInASlice) {
  memory store{1};
  EXPECT_TRUE(put(store, {letter(1, "first"), letter(1, "second")}));
  EXPECT_EQ(kept(store), "1:second");
}

TEST(DeadLetterMemory, OfCapacityZeroRefusesEverything) {
  memory store{0};
  EXPECT_FALSE(put(store, {letter(1)}));
  EXPECT_TRUE(put(store, {}));
}

TEST(DeadLetterMemory, TakesLettersAgainOnceItIsCleared) {
  memory store{1};
  EXPECT_TRUE(put(store, {letter(1)}));
  EXPECT_FALSE(put(store, {letter(2)}));
  store.clear();
  EXPECT_EQ(kept(store), "");
  EXPECT_TRUE(put(store, {letter(2)}));
  EXPECT_EQ(kept(store), "2");
}

TEST(DeadLetterMemory, SharesWhatItKeepsWithItsCopies) {
  memory store{1};
  auto given_away = store;
  EXPECT_TRUE(put(given_away, {letter(1)}));
  EXPECT_EQ(kept(store), "1");
  EXPECT_FALSE(put(store, {letter(2)})) << "one capacity for both";
}

TEST(DeadLetterMemory, MayBeLookedIntoWhileItIsFilled) {
  memory store{200};
  std::thread fills{[store]() mutable {
    for (std::uint64_t position = 1; position <= 200; position += 2)
      EXPECT_TRUE(put(store, {letter(position), letter(position + 1)}));
  }};
  std::size_t seen = 0;
  while (seen < 200) {
    const auto now = store.letters().size();
    EXPECT_GE(now, seen);
    EXPECT_EQ(now % 2, 0U) << "half a slice";
    seen = now;
  }
  fills.join();
}

} // namespace
