#include "recorder_file.hpp"

#include <weir/supervision/flight_file.hpp>
#include <weir/supervision/flight_name.hpp>
#include <weir/supervision/wreck.hpp>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using weir::internal::flight_name;
using weir::internal::origin;

/// A process that runs pipeline p: partitions "a" and "b" from the start, and a stage with four slots.
struct running_life {
  explicit running_life(const recorder_file& file) : recorder{file.open()} {
    const weir::internal::stage_hands stages[] = {{"first", 4}};
    const std::string partitions[] = {"a", "b"};
    slots = *recorder->add("p", stages, partitions);
  }
  void name(std::uint32_t index, const std::string& name) const {
    const auto named = recorder->name_partition("p", index, name);
    ASSERT_TRUE(named) << named.error().message();
  }
  void take(std::size_t slot, std::uint32_t partition, std::uint64_t position) const {
    slots[slot].take(origin{partition, position}.word());
  }

  std::unique_ptr<weir::internal::flight_recorder> recorder;
  std::span<weir::internal::flight_slot> slots;
};

std::string in_hand_in(const std::string& bytes) {
  return weir::internal::in_hand_text(weir::internal::read_wreck(bytes).in_hand, 10'000);
}

/// "stage 'first', a:17" of each, sorted.
std::vector<std::string> texts_of(const std::vector<weir::internal::hand_range>& in_hand) {
  std::vector<std::string> texts;
  for (const auto& one : in_hand)
    texts.push_back(one.text + ":" + std::to_string(one.first));
  std::ranges::sort(texts);
  return texts;
}

/// What the next life finds: what was in hand, and its remarks.
std::string found(const recorder_file& file) {
  const auto recorder = file.open();
  const auto& last = recorder->last_life();
  std::string all = last.deaths.empty() ? "no death" : last.deaths.back().in_hand;
  for (const auto& one : last.remarks)
    all += "\n" + one;
  return all;
}

TEST(FlightNames, AreReadByTheNextLife) {
  const recorder_file file;
  {
    const running_life life{file};
    life.name(2, "c");
    life.take(1, 2, 17);
    life.take(3, 0, 4);
  }
  const auto recorder = file.open();
  auto& suspects = recorder->suspects();
  const auto stage = weir::internal::flight_key("p", "first");
  const auto partition = weir::internal::flight_key("p", "c");
  suspects.watch(stage, partition, 0);
  EXPECT_TRUE(suspects.at(stage, partition, 17));
  EXPECT_EQ(recorder->last_life().remarks, std::vector<std::string>{});
}

TEST(FlightNames, TheLastOneOfAnIndexCounts) {
  const recorder_file file;
  {
    const running_life life{file};
    life.name(2, "c");
    life.name(2, "d, which is longer");
    life.name(2, "e");
    life.name(0, "f"); // which had a name from the start
    life.take(0, 0, 5);
    life.take(1, 1, 6);
    life.take(2, 2, 7);
  }
  auto text = found(file);
  for (const auto* one : {"stage 'first', f:5", "stage 'first', b:6", "stage 'first', e:7"}) {
    const auto at = text.find(one);
    ASSERT_NE(at, std::string::npos) << one << " in " << text;
    text.erase(at, std::string{one}.size());
  }
  EXPECT_EQ(text, "; ; ");
}

TEST(FlightNames, TakeTheRoomOfTheIndicesHoweverOftenTheyAreGiven) {
  const recorder_file file;
  const running_life life{file};
  life.name(2, "c");
  const auto size = std::filesystem::file_size(file.path);
  for (int k = 0; k < 2000; ++k)
    life.name(static_cast<std::uint32_t>(k % 63), std::to_string(k));
  EXPECT_EQ(std::filesystem::file_size(file.path), size);
  life.name(63, "one more");
  EXPECT_EQ(std::filesystem::file_size(file.path), size + 16'384);
}

TEST(FlightNames, MayBeMoreThanASectionHolds) {
  const recorder_file file;
  const std::vector<std::uint32_t> some{
      2, 62, 63, 125, 126, origin::partitions_max - 1,
  };
  {
    const running_life life{file};
    for (std::uint32_t k = 1'000; k > 1; --k)
      life.name(k, "n" + std::to_string(k));
    life.name(origin::partitions_max - 1, "n" + std::to_string(origin::partitions_max - 1));
    std::vector<origin> batch;
    for (const auto one : some)
      batch.emplace_back(one, one);
    life.slots[0].take(batch);
  }
  const auto in_hand = weir::internal::read_wreck(file.bytes()).in_hand;
  const auto texts = texts_of(in_hand);
  std::vector<std::string> expected;
  for (const auto one : some)
    expected.push_back("stage 'first', n" + std::to_string(one) + ":" + std::to_string(one));
  std::ranges::sort(expected);
  EXPECT_EQ(texts, expected);
}

TEST(FlightNames, AreToldApartWholeAndShownCut) {
  const recorder_file file;
  const std::string name(1'000, 'x');
  {
    const running_life life{file};
    life.name(2, name);
    life.take(0, 2, 1);
  }
  const auto in_hand = weir::internal::read_wreck(file.bytes()).in_hand;
  ASSERT_EQ(in_hand.size(), 1U);
  EXPECT_EQ(in_hand[0].partition, weir::internal::flight_key("p", name));
  EXPECT_EQ(in_hand[0].text, "stage 'first', " + std::string(239, 'x'));
}

TEST(FlightNames, AnIndexWithoutOneIsLeftOutAlone) {
  const recorder_file file;
  {
    const running_life life{file};
    life.name(2, "c");
    life.take(0, 1, 5);
    life.take(1, 3, 6);
    life.slots[2].failed(origin{4, 1}.word(), 2);
  }
  EXPECT_EQ(weir::internal::flight_recorder::examine(file.path, ::getpid(), SIGABRT)->culprit,
            std::nullopt);
  const auto bytes = file.bytes();
  EXPECT_EQ(found(file), "stage 'first', b:5\nsome of what was in hand is of partitions without a "
                         "name: 1 ranges of it are not among the suspects");
  file.write(bytes);
  const auto recorder = file.open();
  recorder->suspects().watch(weir::internal::flight_key("p", "first"),
                             weir::internal::flight_key("p", "b"), 0);
  const auto known = recorder->suspects().at(weir::internal::flight_key("p", "first"),
                                             weir::internal::flight_key("p", "b"), 5);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->alone, 0U) << "it was not the only one in hand";
}

TEST(FlightNames, BelongToThePipelineThatWasAddedLast) {
  const recorder_file file;
  {
    const running_life life{file};
    life.name(2, "old");
    const weir::internal::stage_hands stages[] = {{"first", 1}};
    const auto again = life.recorder->add("p", stages, {}); // it was started again
    const auto other = life.recorder->add("q", stages, {});
    ASSERT_TRUE(again && other);
    life.name(2, "new");
    life.take(0, 2, 1);
    again->front().take(origin{2, 3}.word());
    other->front().take(origin{2, 5}.word());
    ASSERT_TRUE(life.recorder->name_partition("q", 3, "of q"));
  }
  const auto all = weir::internal::read_wreck(file.bytes());
  EXPECT_EQ(texts_of(all.in_hand),
            (std::vector<std::string>{"stage 'first', new:3", "stage 'first', old:1"}));
  EXPECT_EQ(all.nameless, 1U) << "q was given none";
}

TEST(FlightNames, AreGivenByAnyThread) {
  const recorder_file file;
  const running_life life{file};
  std::vector<std::jthread> threads;
  for (std::uint32_t mine = 0; mine < 4; ++mine)
    threads.emplace_back([&life, mine] {
      for (std::uint32_t k = mine; k < 1'200; k += 4)
        life.name(k, "n" + std::to_string(k));
    });
  threads.clear();
  for (std::uint32_t k = 0; k < 1'200; k += 7) {
    life.take(0, k, k);
    ASSERT_EQ(in_hand_in(file.bytes()),
              "stage 'first', n" + std::to_string(k) + ":" + std::to_string(k));
  }
}

/// The file before and after an index with an item in hand is given another name; so is a neighbour, before.
class TornName : public ::testing::Test {
protected:
  TornName() {
    const running_life life{file_};
    life.name(3, "neighbour");
    life.name(2, "old, and longer");
    life.take(0, 2, 17);
    before_ = file_.bytes();
    life.name(2, "new");
    after_ = file_.bytes();
    at_ = after_.find("neighbour") - offsetof(flight_name, text) - sizeof(flight_name);
  }

  /// What becomes of the item, with `bytes` instead of the name.
  static std::string fate(const std::string& bytes) {
    const auto all = weir::internal::read_wreck(bytes);
    if (all.damaged)
      return "damaged";
    return all.nameless > 0 ? "nameless" : weir::internal::in_hand_text(all.in_hand, 1'000);
  }

  recorder_file file_;
  std::string before_, after_;
  std::size_t at_ = 0; // where the name is
};

TEST_F(TornName, IsNeverAnotherOne) {
  const std::string old = "stage 'first', old, and longer:17";
  const std::string renamed = "stage 'first', new:17";
  ASSERT_EQ(fate(before_), old);
  ASSERT_EQ(fate(after_), renamed);
  for (std::size_t k = 0; k <= sizeof(flight_name); ++k)
    for (const auto& [first, last] : {std::pair{after_, before_}, std::pair{before_, after_}}) {
      auto bytes = last;
      std::copy_n(first.begin() + static_cast<std::ptrdiff_t>(at_), k,
                  bytes.begin() + static_cast<std::ptrdiff_t>(at_));
      ASSERT_EQ(fate(bytes), bytes == before_ ? old : bytes == after_ ? renamed : "nameless") << k;
    }
}

TEST_F(TornName, IsNoOtherOneWhereThereWasNone) {
  auto bytes = after_;
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at_), sizeof(flight_name), '\0');
  for (std::size_t k = 0; k < sizeof(flight_name); ++k) {
    ASSERT_EQ(fate(bytes), "nameless") << k;
    bytes[at_ + k] = after_[at_ + k];
  }
  EXPECT_EQ(bytes, after_);
}

TEST_F(TornName, IsToldByAnyByte) {
  for (std::size_t k = 0; k < sizeof(flight_name); ++k)
    for (const int flip : {0x01, 0x80, 0xFF}) {
      auto bytes = after_;
      bytes[at_ + k] = static_cast<char>(bytes[at_ + k] ^ flip);
      ASSERT_EQ(fate(bytes), "nameless") << k;
    }
}

TEST_F(TornName, IsNotThatOfAnotherPlace) {
  auto bytes = after_;
  bytes.replace(at_, sizeof(flight_name), after_, at_ + sizeof(flight_name), sizeof(flight_name));
  EXPECT_EQ(fate(bytes), "nameless");
}

TEST_F(TornName, IsNotTheOneFromTheStart) {
  {
    const running_life life{file_};
    life.take(0, 0, 17);
    EXPECT_EQ(fate(file_.bytes()), "stage 'first', a:17");
    life.name(0, "renamed");
    EXPECT_EQ(fate(file_.bytes()), "stage 'first', renamed:17");
  }
  auto bytes = file_.bytes();
  bytes[bytes.find("renamed")] = '!';
  EXPECT_EQ(fate(bytes), "nameless");
}

TEST_F(TornName, DoesNotTakeItsNeighbourAlong) {
  auto bytes = after_;
  bytes[at_ + 20] = '!';
  const auto word = origin{3, 17}.word();
  const auto mine = origin{2, 17}.word();
  const auto as_bytes = [](const std::uint64_t& one) {
    return std::string{reinterpret_cast<const char*>(&one), sizeof one};
  };
  const auto slot = bytes.find(as_bytes(mine), weir::internal::flight_file::front_size);
  ASSERT_NE(slot, std::string::npos);
  bytes.replace(slot, sizeof word, as_bytes(word));
  EXPECT_EQ(fate(bytes), "stage 'first', neighbour:17");
}

TEST_F(TornName, IsDamageWhereTheFileEnds) {
  for (std::size_t k = 0; k < sizeof(flight_name); ++k)
    ASSERT_EQ(fate(after_.substr(0, at_ + k)), "damaged") << k;
  // Where a section was to be begun, the process died before it wrote a head.
  EXPECT_EQ(fate(after_ + std::string(65'536, '\0')), "stage 'first', new:17");
}

TEST_F(TornName, SurvivesAnyHead) {
  const auto head = at_ - 2 * sizeof(flight_name) - 128;
  for (std::size_t k = 0; k < sizeof(weir::internal::flight_file::section); ++k)
    for (int value = 0; value < 256; ++value) {
      auto bytes = after_;
      if (bytes[head + k] == static_cast<char>(value))
        continue;
      bytes[head + k] = static_cast<char>(value);
      ASSERT_EQ(fate(bytes), "damaged") << k;
    }
}

/// Gives one index a name after the other, with an item of each in hand, until it is killed.
[[noreturn]] void rename_for_ever(const recorder_file& file, int says) {
  const running_life life{file};
  for (std::uint64_t k = 1;; ++k) {
    life.name(2, "n" + std::to_string(k));
    life.take(0, 2, k);
    if (k == 3 && ::write(says, "!", 1) != 1)
      ::_exit(1);
    life.slots[0].empty();
  }
}

TEST(FlightNames, AreNeverWrongWheneverTheProcessIsKilled) {
  const recorder_file file;
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  for (int round = 0; round < 40; ++round) {
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0)
      rename_for_ever(file, pipe[1]);
    char said = 0;
    ASSERT_EQ(::read(pipe[0], &said, 1), 1);
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, SIGKILL);
    const auto all = weir::internal::read_wreck(file.bytes());
    ASSERT_FALSE(all.damaged);
    ASSERT_EQ(all.nameless, 0U) << "nothing is in hand while it is named";
    for (const auto& one : all.in_hand)
      ASSERT_EQ(one.text, "stage 'first', n" + std::to_string(one.first));
  }
  ::close(pipe[0]);
  ::close(pipe[1]);
}

/// The pipeline ends, and runs once more in the same process.
void begin_again(running_life& life) {
  const weir::internal::stage_hands stages[] = {{"first", 4}};
  const std::string partitions[] = {"a", "b"};
  life.recorder->give_back(life.slots);
  life.slots = *life.recorder->add("p", stages, partitions);
}

TEST(FlightRecorder, HasNothingInHandOfAPipelineThatHasEnded) {
  const recorder_file file;
  {
    running_life life{file};
    life.take(0, 0, 5);
    life.slots[1].failed(origin{1, 6}.word(), 2);
    life.recorder->give_back(life.slots);
  }
  EXPECT_EQ(found(file), "");
}

TEST(FlightRecorder, DoesNotGrowWithTheLivesOfAPipeline) {
  const recorder_file file;
  {
    running_life life{file};
    const auto size = file.bytes().size();
    const auto* const at = life.slots.data();
    for (int k = 0; k < 3; ++k) {
      life.take(2, 1, 9);
      begin_again(life);
    }
    EXPECT_EQ(life.slots.data(), at);
    EXPECT_EQ(file.bytes().size(), size);
    life.take(0, 1, 17);
  }
  EXPECT_EQ(found(file), "stage 'first', b:17");
}

TEST(FlightRecorder, GivesAPipelineThatRunsTwiceAtATimeSlotsOfItsOwn) {
  const recorder_file file;
  running_life life{file};
  const weir::internal::stage_hands stages[] = {{"first", 4}};
  const std::string partitions[] = {"a", "b"};
  const auto others = *life.recorder->add("p", stages, partitions);
  EXPECT_NE(others.data(), life.slots.data());
  life.recorder->give_back(life.slots);
  EXPECT_EQ(life.recorder->add("p", stages, partitions)->data(), life.slots.data());
}

TEST(FlightRecorder, GivesAPipelineWithOtherStagesOtherSlots) {
  const recorder_file file;
  {
    running_life life{file};
    life.recorder->give_back(life.slots);
    const weir::internal::stage_hands stages[] = {{"second", 4}};
    const std::string partitions[] = {"a", "b"};
    (*life.recorder->add("p", stages, partitions))[3].take(origin{1, 8}.word());
  }
  EXPECT_EQ(found(file), "stage 'second', b:8");
}

TEST(FlightNames, OfAnEarlierLifeInTheProcessAreForgotten) {
  const recorder_file file;
  {
    running_life life{file};
    life.name(1, "opened in the place of b");
    life.name(2, "c");
    begin_again(life);
    life.take(0, 1, 7);
    life.take(1, 2, 8);
  }
  const auto what = found(file);
  EXPECT_TRUE(what.starts_with("stage 'first', b:7\n")) << what;
  EXPECT_NE(what.find("partitions without a name"), std::string::npos) << what;
}

TEST(FlightNames, AreThoseOfThePipelineThatWasAddedLast) {
  const recorder_file file;
  {
    running_life life{file};
    const weir::internal::stage_hands stages[] = {{"second", 4}};
    const std::string partitions[] = {"a", "b"};
    const auto others = *life.recorder->add("p", stages, partitions);
    life.recorder->give_back(others);
    begin_again(life); // its section lies before the other one
    life.name(2, "c");
    life.take(0, 2, 7);
  }
  EXPECT_EQ(found(file), "stage 'first', c:7");
}

} // namespace
