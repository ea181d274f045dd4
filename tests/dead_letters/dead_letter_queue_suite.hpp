#pragma once

#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/supervision/utc.hpp>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

/// What every dead_letter_queue must do. For a store of yours write a class that makes them,
///
///     struct my_shelves {
///       explicit my_shelves(std::size_t capacity);
///       std::unique_ptr<weir::dead_letter_queue> open();   // another store object for the same letters
///     };
///     INSTANTIATE_TYPED_TEST_SUITE_P(MyQueue, DeadLetterQueue, my_shelves);
namespace weir::queue_tests {

using namespace std::chrono_literals;
using wall_time = std::chrono::system_clock::time_point;

inline wall_time at(std::chrono::milliseconds later) { return wall_time{1706702400s} + later; }
inline const done_by somebody{"somebody", at(1h)};

inline dead_letter letter(std::uint64_t position, std::string key = {}) {
  return {.pipeline = "events",
          .stage = "parse",
          .source = "in.jsonl",
          .position = position,
          .part = 4'000'000'000U,
          .key = std::move(key),
          .payload = "payload " + std::to_string(position),
          .payload_type = "std::string",
          .attempts = 3,
          .first_failed_at = at(0ms),
          .last_failed_at = at(1s),
          .why = poison("it is broken")};
}

/// "key:position key:position"
inline std::string shown(const std::vector<dead_letter>& letters) {
  std::string text;
  for (const auto& one : letters)
    text += (text.empty() ? "" : " ") + one.key + ":" + std::to_string(one.position);
  return text;
}

template <class T>
std::string shown(const result<T>& answer) {
  if (!answer)
    return std::string{to_string(answer.error().kind)} + ": " + answer.error().message();
  if constexpr (std::is_void_v<T>)
    return "done";
  else if constexpr (std::is_same_v<T, replay_request>)
    return to_string(*answer);
  else if constexpr (std::is_integral_v<T>)
    return std::to_string(*answer);
  else
    return shown(*answer);
}

inline std::vector<std::uint64_t> ids_of(const result<std::vector<dead_letter>>& letters) {
  std::vector<std::uint64_t> ids;
  if (letters)
    for (const auto& one : *letters)
      ids.push_back(one.id);
  return ids;
}

template <class Shelves>
class DeadLetterQueue : public ::testing::Test {
protected:
  void keep(std::vector<dead_letter> letters) { EXPECT_EQ(shown(store->put(letters)), "done"); }
  std::string select(const dead_letter_filter& filter = {}) {
    return shown(store->select(filter, 100));
  }
  dead_letter only() {
    auto all = store->select({}, 2);
    EXPECT_TRUE(all && all->size() == 1) << shown(all);
    return all && !all->empty() ? all->front() : dead_letter{};
  }
  std::string request(const dead_letter_filter& filter = {}, const replay_terms& terms = {}) {
    return shown(store->request_replay(filter, terms, somebody));
  }
  std::string states() {
    std::string text;
    const auto all = store->select({}, 100);
    for (const auto& one : *all)
      text += (text.empty() ? "" : " ") + std::to_string(one.position) + ":"
              + std::string{to_string(one.state)};
    return text;
  }
  std::string audit(std::uint64_t after = 0, std::size_t max = 100) {
    const auto lines = store->audit(after, max);
    if (!lines)
      return lines.error().message();
    std::string text;
    for (const auto& one : *lines)
      text += std::to_string(one.number) + " " + utc_text(one.at) + " " + one.who + ": " + one.what
              + " " + one.about + ": " + one.outcome + "\n";
    return text;
  }

  Shelves queues{20};
  std::unique_ptr<dead_letter_queue> store = queues.open();
};
TYPED_TEST_SUITE_P(DeadLetterQueue);

// --- keeping -----------------------------------------------------------------------------------------

TYPED_TEST_P(DeadLetterQueue, KeepsAllThatIsKnown) {
  auto one = letter(UINT64_MAX >> 1U, "key\xC3\xBC");
  one.payload = std::string{"\0\xFF bytes", 8};
  one.replay_count = 2;
  one.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  one.why = transient("root").within("outermost");
  this->keep({one});
  const auto kept = this->only();
  EXPECT_EQ(kept.pipeline + "|" + kept.stage + "|" + kept.source + "|"
                + std::to_string(kept.position) + "|" + std::to_string(kept.part) + "|" + kept.key
                + "|" + kept.payload_type + "|" + std::to_string(kept.attempts) + "|"
                + std::to_string(kept.replay_count) + "|" + kept.trace_id,
            "events|parse|in.jsonl|9223372036854775807|4000000000|key\xC3\xBC|std::string|3|2|"
            "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(kept.payload, one.payload);
  EXPECT_EQ(kept.why, one.why);
  EXPECT_EQ(utc_text(kept.first_failed_at) + " " + utc_text(kept.last_failed_at),
            "2024-01-31T12:00:00.000Z 2024-01-31T12:00:01.000Z");
  EXPECT_EQ(kept.state, dead_letter_state::kept);
  EXPECT_GT(kept.id, 0U);
}

TYPED_TEST_P(DeadLetterQueue, RefusesAllOfThemWhenFull) {
  std::vector<dead_letter> many;
  for (std::uint64_t k = 1; k <= 20; ++k)
    many.push_back(letter(k));
  this->keep(many);
  const std::vector<dead_letter> two{letter(1), letter(21)};
  EXPECT_TRUE(shown(this->store->put(two)).starts_with("transient: "));
  EXPECT_EQ(shown(this->store->purge({.limit = 1}, somebody)), "1");
  EXPECT_EQ(shown(this->store->put({&two[1], 1})), "done");
}

TYPED_TEST_P(DeadLetterQueue, NeverGivesAnIdTwice) {
  this->keep({letter(1), letter(2)});
  const auto last = this->store->select({}, 2)->back().id;
  EXPECT_EQ(shown(this->store->purge({}, somebody)), "2");
  this->keep({letter(3)});
  EXPECT_GT(this->only().id, last);
}

TYPED_TEST_P(DeadLetterQueue, AddsUpTheAttemptsOfAnItemThatFailsAgain) {
  this->keep({letter(1, "k")});
  const auto id = this->only().id;
  auto later = letter(1);
  later.first_failed_at = at(2s);
  later.last_failed_at = at(3s);
  later.attempts = 2;
  later.why = fatal("worse");
  later.payload = "newer";
  this->keep({later});
  const auto kept = this->only();
  EXPECT_EQ(kept.attempts, 5U);
  EXPECT_EQ(kept.id, id);
  EXPECT_EQ(kept.key, "k");
  EXPECT_EQ(kept.payload + " " + kept.why.message(), "newer worse");
  EXPECT_EQ(kept.first_failed_at, at(0ms));
  EXPECT_EQ(kept.last_failed_at, at(3s));
  EXPECT_EQ(kept.replay_count, 0U);
}

TYPED_TEST_P(DeadLetterQueue, DoesNotCountTheSameRunsTwice) {
  this->keep({letter(1)});
  this->keep({letter(1)}); // the answer to the first was lost
  EXPECT_EQ(this->only().attempts, 3U);
  auto longer = letter(1); // the item was known to have failed before, and failed once more
  longer.last_failed_at = at(2s);
  longer.attempts = 4;
  this->keep({longer});
  EXPECT_EQ(this->only().attempts, 4U);
  EXPECT_EQ(this->only().last_failed_at, at(2s));
}

TYPED_TEST_P(DeadLetterQueue, LeavesALetterAsItIsWhoseItemWasReadAgainAndNotRun) {
  this->keep({letter(1)});
  auto waits = letter(1, "k");
  waits.attempts = 0;
  waits.first_failed_at = waits.last_failed_at = at(1h);
  waits.why = transient("held behind in.jsonl:1 of the same key");
  const auto unchanged = [&](dead_letter_state state) {
    this->keep({waits});
    const auto kept = this->only();
    EXPECT_EQ(kept.why, letter(1).why);
    EXPECT_EQ(kept.attempts, 3U);
    EXPECT_EQ(kept.last_failed_at, at(1s));
    EXPECT_EQ(kept.state, state);
  };
  unchanged(dead_letter_state::kept);
  this->request();
  unchanged(dead_letter_state::requested);
  const auto ids = ids_of(this->store->claim_requested({}, 9));
  unchanged(dead_letter_state::replaying);
  EXPECT_EQ(this->audit(1), "") << "it has not failed again";
  EXPECT_EQ(shown(this->store->replayed(ids, somebody)), "done");
  EXPECT_EQ(this->states(), "");
}

TYPED_TEST_P(DeadLetterQueue, CountsAReplayThatFailed) {
  this->keep({letter(1)});
  const auto id = this->only().id;
  this->request();
  EXPECT_EQ(shown(this->store->claim_requested({}, 9)), ":1");
  auto again = letter(1);
  again.attempts = 2;
  again.first_failed_at = again.last_failed_at = at(1s); // in the same millisecond, even
  this->keep({again});
  this->keep({again}); // the answer to the first was lost
  const auto kept = this->only();
  EXPECT_EQ(std::to_string(kept.attempts) + " attempts, " + std::to_string(kept.replay_count)
                + " replays, " + std::string{to_string(kept.state)},
            "5 attempts, 1 replays, kept");
  EXPECT_EQ(kept.id, id);
  EXPECT_EQ(this->audit(1), "2 2024-01-31T12:00:01.000Z pipeline events: failed again id "
                                + std::to_string(id) + ": replayed 1 time, 5 attempts\n");
}

// --- reading -----------------------------------------------------------------------------------------

TYPED_TEST_P(DeadLetterQueue, ShowsThemInTheOrderOfKeysAndArrival) {
  this->keep({letter(5, "b"), letter(4, "a"), letter(3), letter(2, "b"), letter(1, "a")});
  EXPECT_EQ(this->select(), ":3 a:4 a:1 b:5 b:2");
  std::string pages;
  dead_letter_cursor after;
  for (;;) {
    const auto page = this->store->select({}, 2, after);
    if (!page || page->empty())
      break;
    pages += "[" + shown(*page) + "]";
    after = {page->back().key, page->back().id};
  }
  EXPECT_EQ(pages, "[:3 a:4][a:1 b:5][b:2]");
  std::string all;
  const auto show = [&all](const dead_letter& one) -> result<void> {
    all += std::to_string(one.position);
    return {};
  };
  EXPECT_EQ(shown(for_each_letter(*this->store, {}, show)), "5");
  EXPECT_EQ(shown(for_each_letter(*this->store, {.limit = 3}, show)), "3");
  EXPECT_EQ(all, "34152341");
  EXPECT_EQ(shown(this->store->select({}, 0)), "");
}

TYPED_TEST_P(DeadLetterQueue, ShowsFewLargeOnesAtATime) {
  auto large = letter(1);
  large.payload.assign(dead_letter_queue::page_bytes / 2 + 1, 'x');
  auto larger = large;
  larger.position = 2;
  this->keep({large, larger, letter(3)});
  EXPECT_EQ(this->select(), ":1 :2") << "one that is too much, and no more";
}

TYPED_TEST_P(DeadLetterQueue, ShowsWhatTheFilterLetsThrough) {
  auto other_stage = letter(2);
  other_stage.stage = "store";
  other_stage.last_failed_at = at(2s);
  auto other_pipeline = letter(3);
  other_pipeline.pipeline = "orders";
  other_pipeline.why = transient("gone").within("the 100 % API");
  auto other_source = letter(4, "k");
  other_source.source = "http";
  this->keep({letter(1), other_stage, other_pipeline, other_source});
  EXPECT_EQ(this->select({.pipeline = "orders"}), ":3");
  EXPECT_EQ(this->select({.stage = "store"}), ":2");
  EXPECT_EQ(this->select({.source = "http"}), "k:4");
  EXPECT_EQ(this->select({.cause = "100 % API ← go"}), ":3");
  EXPECT_EQ(this->select({.cause = "Broken"}), "") << "letters of either case differ";
  EXPECT_EQ(this->select({.cause = "%"}), ":3") << "no pattern";
  EXPECT_EQ(this->select({.kind = failure_kind::poison}), ":1 :2 k:4");
  EXPECT_EQ(this->select({.key = "k"}), "k:4");
  EXPECT_EQ(this->select({.key = ""}), ":1 :2 :3") << "those without a key";
  EXPECT_EQ(this->select({.since = at(2s)}), ":2");
  EXPECT_EQ(this->select({.since = wall_time{at(1s)} + 1us}), ":2");
  EXPECT_EQ(this->select({.until = at(2s)}), ":1 :3 k:4");
  EXPECT_EQ(this->select({.until = wall_time{at(1s)} + 1us}), ":1 :3 k:4");
  EXPECT_EQ(this->select({.until = at(1s)}), "");
  const auto ids = ids_of(this->store->select({.stage = "parse"}, 9));
  EXPECT_EQ(this->select({.ids = {ids[0], 999, ids[2]}}), ":1 k:4");
  EXPECT_EQ(this->select({.ids = {ids[0]}, .stage = "store"}), "");
  this->request({.key = "k"});
  EXPECT_EQ(this->select({.state = dead_letter_state::requested}), "k:4");
  EXPECT_EQ(this->select({.state = dead_letter_state::kept}), ":1 :2 :3");
}

TYPED_TEST_P(DeadLetterQueue, CountsTheCausesByStage) {
  auto rare = letter(3);
  rare.why = transient("gone").within("rare");
  auto elsewhere = letter(4);
  elsewhere.stage = "store";
  this->keep({rare, letter(1), elsewhere, letter(2)});
  const auto counts = this->store->histogram({});
  std::string text;
  for (const auto& one : *counts)
    text += one.stage + "/" + one.cause + ":" + std::to_string(one.count) + " ";
  EXPECT_EQ(text, "parse/it is broken:2 parse/rare:1 store/it is broken:1 ");
  EXPECT_EQ(*this->store->histogram({.stage = "store"}),
            (std::vector<dead_letter_count>{{"store", "it is broken", 1}}));
  EXPECT_TRUE(this->store->histogram({.stage = "none"})->empty());
}

// --- working on them ---------------------------------------------------------------------------------

TYPED_TEST_P(DeadLetterQueue, ReplacesAPayloadAndSaysSo) {
  this->keep({letter(1)});
  const auto id = this->only().id;
  EXPECT_EQ(shown(this->store->edit(id, std::string{"\0mended", 7}, somebody)), "done");
  EXPECT_EQ(this->only().payload, (std::string{"\0mended", 7}));
  EXPECT_EQ(this->audit(), "1 2024-01-31T13:00:00.000Z somebody: edit id " + std::to_string(id)
                               + ": payload of 9 bytes replaced by 7 bytes\n");
  EXPECT_EQ(this->store->edit(id, "", somebody).has_value(), true);
  std::vector<std::string> before;
  const auto lines = this->store->audit(0, 9);
  for (const auto& one : *lines)
    before.push_back(one.payload_before.value_or("none"));
  EXPECT_EQ(before, (std::vector<std::string>{"payload 1", std::string{"\0mended", 7}}));
}

TYPED_TEST_P(DeadLetterQueue, KeepsNoPayloadOfALetterThatIsGone) {
  const auto replaced = [this] {
    std::string all;
    const auto lines = this->store->audit(0, 99);
    for (const auto& one : *lines)
      all += one.what == "edit" ? "[" + one.payload_before.value_or("none") + "]" : "";
    return all;
  };
  this->keep({letter(1), letter(2), letter(11)});
  const auto ids = ids_of(this->store->select({}, 9));
  ASSERT_EQ(ids.size(), 3U);
  for (const auto id : ids)
    EXPECT_EQ(shown(this->store->edit(id, "mended", somebody)), "done");
  EXPECT_EQ(replaced(), "[payload 1][payload 2][payload 11]");
  EXPECT_TRUE(this->store->purge({.ids = {ids[0]}}, somebody));
  EXPECT_EQ(replaced(), "[none][payload 2][payload 11]");
  EXPECT_TRUE(this->store->request_replay({.ids = {ids[1]}}, {}, somebody));
  EXPECT_EQ(this->store->claim_requested({}, 9)->size(), 1U);
  EXPECT_EQ(shown(this->store->replayed({&ids[1], 1}, somebody)), "done");
  EXPECT_EQ(replaced(), "[none][none][payload 11]") << "what has gone through is gone";
}

TYPED_TEST_P(DeadLetterQueue, SaysThatThePayloadIsNotWhatFailed) {
  this->keep({letter(1)});
  EXPECT_FALSE(this->only().edited_at);
  EXPECT_EQ(shown(this->store->edit(this->only().id, "mended", somebody)), "done");
  EXPECT_EQ(this->only().edited_at, at(1h));
  auto again = letter(1);
  again.last_failed_at = at(2h);
  this->keep({again});
  EXPECT_FALSE(this->only().edited_at) << "its cause and its payload belong together again";
}

TYPED_TEST_P(DeadLetterQueue, TakesBackTheFirstOfThoseThatWereAskedFor) {
  this->keep({letter(1), letter(2), letter(3)});
  const auto ids = ids_of(this->store->select({}, 9));
  this->request({.ids = {ids[1], ids[2]}});
  EXPECT_EQ(shown(this->store->cancel_replay({.limit = 1}, somebody)), "1");
  EXPECT_EQ(this->states(), "1:kept 2:kept 3:requested");
  EXPECT_EQ(shown(this->store->cancel_replay({.state = dead_letter_state::kept}, somebody)), "0");
  EXPECT_EQ(this->states(), "1:kept 2:kept 3:requested");
}

TYPED_TEST_P(DeadLetterQueue, ReplaysWhatWasMendedWhateverItsCountWas) {
  auto often = letter(1);
  often.replay_count = 3;
  this->keep({often});
  EXPECT_EQ(this->request(), "0 letters requested, 1 left out: replayed too often");
  EXPECT_EQ(shown(this->store->edit(this->only().id, "mended", somebody)), "done");
  EXPECT_EQ(this->only().replay_count, 0U);
  EXPECT_TRUE(
      this->audit(1).ends_with("payload of 9 bytes replaced by 6 bytes, after 3 replays\n"));
  EXPECT_EQ(this->request(), "1 letter requested");
}

TYPED_TEST_P(DeadLetterQueue, TakesBackWhatWasAskedForAndNotBegun) {
  auto elsewhere = letter(4);
  elsewhere.stage = "store";
  this->keep({letter(1), letter(2), letter(3), elsewhere});
  EXPECT_EQ(this->request({.limit = 2}), "2 letters requested");
  EXPECT_EQ(this->request({.stage = "store"}), "1 letter requested");
  EXPECT_EQ(shown(this->store->claim_requested({}, 1)), ":1");
  EXPECT_EQ(shown(this->store->cancel_replay({.stage = "parse"}, somebody)), "1");
  EXPECT_EQ(this->states(), "1:replaying 2:kept 3:kept 4:requested");
  EXPECT_EQ(this->audit(2),
            "3 2024-01-31T13:00:00.000Z somebody: cancel stage parse: 1 letter kept\n");
  EXPECT_EQ(shown(this->store->cancel_replay({}, somebody)), "1");
}

TYPED_TEST_P(DeadLetterQueue, RefusesToEditWhatIsNotThereOrBeingReplayed) {
  EXPECT_NE(shown(this->store->edit(7, "x", somebody)).find("there is no dead letter 7"),
            std::string::npos);
  this->keep({letter(1)});
  this->request();
  const auto id = this->store->claim_requested({}, 1)->front().id;
  const auto refused = this->store->edit(id, "x", somebody);
  EXPECT_NE(shown(refused).find("dead letter " + std::to_string(id) + " is being replayed"),
            std::string::npos);
  EXPECT_EQ(refused.error().kind, failure_kind::poison);
  EXPECT_EQ(this->only().payload, "payload 1");
}

TYPED_TEST_P(DeadLetterQueue, AskedTwiceToReplayIsAskedOnce) {
  this->keep({letter(1), letter(2)});
  EXPECT_EQ(this->request({.limit = 1}), "1 letter requested");
  EXPECT_EQ(this->request({.limit = 1}), "0 letters requested, 1 under way already");
  EXPECT_EQ(this->request(), "1 letter requested, 1 under way already");
  EXPECT_EQ(shown(this->store->claim_requested({}, 1)), ":1");
  EXPECT_EQ(this->request(), "0 letters requested, 2 under way already");
  EXPECT_EQ(this->states(), "1:replaying 2:requested");
  EXPECT_EQ(this->audit(3), "4 2024-01-31T13:00:00.000Z somebody: replay all: 0 letters requested, "
                            "2 under way already\n");
}

TYPED_TEST_P(DeadLetterQueue, LeavesOutWhatWasReplayedTooOftenUnlessForced) {
  auto often = letter(2);
  often.replay_count = 3;
  this->keep({letter(1), often});
  EXPECT_EQ(this->request({}, {.dry_run = true}),
            "1 letter requested, 1 left out: replayed too often");
  EXPECT_EQ(this->states() + this->audit(), "1:kept 2:kept") << "nothing has happened";
  EXPECT_EQ(this->request(), "1 letter requested, 1 left out: replayed too often");
  EXPECT_EQ(this->states(), "1:requested 2:kept");
  EXPECT_EQ(this->request({}, {.replays_max = 4, .dry_run = true}),
            "1 letter requested, 1 under way already");
  EXPECT_EQ(this->request({}, {.forced = true}), "1 letter requested, 1 under way already");
  EXPECT_EQ(this->states(), "1:requested 2:requested");
}

TYPED_TEST_P(DeadLetterQueue, HandsOutWhatIsRequestedInOrder) {
  this->keep({letter(1, "b"), letter(2, "a"), letter(3, "b"), letter(4, "a"), letter(5, "c")});
  EXPECT_EQ(shown(this->store->claim_requested({}, 9)), "") << "nothing is requested";
  this->request({.until = at(1h)});
  EXPECT_EQ(shown(this->store->claim_requested({}, 3)), "a:2 a:4 b:1");
  EXPECT_EQ(shown(this->store->claim_requested({.key = "c"}, 3)), "c:5");
  EXPECT_EQ(shown(this->store->claim_requested({.stage = "store"}, 3)), "");
  EXPECT_EQ(shown(this->store->claim_requested({}, 0)), "");
  const auto last = this->store->claim_requested({}, 3);
  EXPECT_EQ(shown(last), "b:3");
  EXPECT_EQ(last->front().state, dead_letter_state::replaying);
  EXPECT_EQ(last->front().payload, "payload 3");
}

TYPED_TEST_P(DeadLetterQueue, HandsOutNoLetterTwice) {
  std::vector<dead_letter> many;
  for (std::uint64_t k = 1; k <= 20; ++k)
    many.push_back(letter(k));
  this->keep(many);
  this->request();
  auto other = this->queues.open();
  std::barrier together{2};
  const auto claim_all = [&](dead_letter_queue& from, std::vector<std::uint64_t>& taken) {
    together.arrive_and_wait();
    for (;;) {
      const auto some = from.claim_requested({}, 1);
      if (some && some->empty())
        return;
      if (some) // else the other one is in the way
        for (const auto& one : *some)
          taken.push_back(one.position);
    }
  };
  std::vector<std::uint64_t> all;
  for (const auto& one : many)
    all.push_back(one.position);
  const auto ids = ids_of(this->store->select({}, 100));
  for (int round = 0; round < 15; ++round) { // two that meet rarely
    std::vector<std::uint64_t> mine;
    std::vector<std::uint64_t> theirs;
    std::thread thread{[&] { claim_all(*other, theirs); }};
    claim_all(*this->store, mine);
    thread.join();
    mine.insert(mine.end(), theirs.begin(), theirs.end());
    std::ranges::sort(mine);
    ASSERT_EQ(mine, all) << "in round " << round;
    ASSERT_EQ(shown(this->store->release(ids)) + shown(other->release(ids)), "donedone");
  }
}

TYPED_TEST_P(DeadLetterQueue, GivesBackWhatADeadClaimantLeft) {
  this->keep({letter(1), letter(2), letter(3)});
  this->request();
  auto other = this->queues.open();
  EXPECT_EQ(shown(this->store->claim_requested({}, 1)), ":1");
  EXPECT_EQ(shown(other->claim_requested({}, 2)), ":2 :3");
  EXPECT_EQ(shown(this->store->claim_requested({}, 9)), "") << "it lives";
  other.reset();
  EXPECT_EQ(shown(this->store->claim_requested({}, 9)), ":2 :3");
  EXPECT_EQ(this->states(), "1:replaying 2:replaying 3:replaying");
}

TYPED_TEST_P(DeadLetterQueue, TakesBackWhatWasNotReplayed) {
  this->keep({letter(1), letter(2), letter(3)});
  this->request({.limit = 2});
  const auto ids = ids_of(this->store->select({}, 9));
  auto other = this->queues.open();
  EXPECT_EQ(shown(this->store->claim_requested({}, 9)), ":1 :2");
  EXPECT_EQ(shown(other->release(ids)), "done");
  EXPECT_EQ(this->states(), "1:replaying 2:replaying 3:kept") << "these are not the other's";
  EXPECT_EQ(shown(this->store->release(std::span{ids}.subspan(1))), "done");
  EXPECT_EQ(this->states(), "1:replaying 2:requested 3:kept");
}

TYPED_TEST_P(DeadLetterQueue, ParksWhatCantBeReplayed) {
  this->keep({letter(1), letter(2)});
  this->request();
  const auto ids = ids_of(this->store->claim_requested({}, 9));
  auto other = this->queues.open();
  EXPECT_EQ(shown(other->withdraw(ids, "not mine", somebody)), "done");
  EXPECT_EQ(this->states(), "1:replaying 2:replaying");
  EXPECT_EQ(shown(this->store->withdraw({&ids[1], 1}, "no such stage", somebody)), "done");
  EXPECT_EQ(this->states(), "1:replaying 2:kept");
  EXPECT_EQ(this->audit(2), "3 2024-01-31T13:00:00.000Z somebody: withdrawn "
                                + internal::ids_text({&ids[1], 1})
                                + ": 1 letter kept: no such stage\n");
}

TYPED_TEST_P(DeadLetterQueue, RemovesWhatWentThrough) {
  this->keep({letter(1), letter(2), letter(3), letter(4)});
  this->request({.limit = 3});
  auto ids = ids_of(this->store->claim_requested({}, 9));
  this->keep({letter(2)}); // has failed again
  ids.push_back(this->store->select({}, 9)->back().id);
  auto other = this->queues.open();
  EXPECT_EQ(shown(other->replayed(ids, somebody)), "done");
  EXPECT_EQ(this->states(), "1:replaying 2:kept 3:replaying 4:kept") << "it is not the other's";
  EXPECT_EQ(shown(this->store->replayed(ids, somebody)), "done");
  EXPECT_EQ(this->states(), "2:kept 4:kept");
  EXPECT_NE(
      this->audit().find("somebody: replayed " + internal::ids_text(ids) + ": 2 letters removed\n"),
      std::string::npos);
}

TYPED_TEST_P(DeadLetterQueue, PurgesWhatTheFilterLetsThrough) {
  auto elsewhere = letter(9);
  elsewhere.stage = "store";
  this->keep({letter(1), letter(2), letter(3), elsewhere});
  this->request({.limit = 1});
  EXPECT_EQ(shown(this->store->claim_requested({}, 1)), ":1");
  EXPECT_EQ(shown(this->store->purge({.stage = "parse", .limit = 1}, somebody)), "1");
  EXPECT_EQ(this->states(), "1:replaying 3:kept 9:kept") << "not what is being replayed";
  EXPECT_EQ(shown(this->store->purge({.stage = "parse"}, somebody)), "1");
  EXPECT_EQ(shown(this->store->purge({.stage = "none"}, somebody)), "0");
  EXPECT_EQ(this->states(), "1:replaying 9:kept");
  EXPECT_EQ(this->audit(1, 1), "2 2024-01-31T13:00:00.000Z somebody: purge stage parse, the first "
                               "1: 1 letter removed\n");
}

TYPED_TEST_P(DeadLetterQueue, KeepsTheAuditInOrder) {
  for (int k = 1; k <= 3; ++k)
    EXPECT_EQ(shown(this->store->note({.number = 77,
                                       .at = at(k * 1ms),
                                       .who = "tool",
                                       .what = "export",
                                       .about = "all",
                                       .outcome = std::to_string(k) + " letters"})),
              "done");
  EXPECT_EQ(this->audit(1, 1), "2 2024-01-31T12:00:00.002Z tool: export all: 2 letters\n");
  EXPECT_EQ(this->audit(3), "");
  EXPECT_EQ(this->store->audit(0, 9)->size(), 3U);
}

REGISTER_TYPED_TEST_SUITE_P(
    DeadLetterQueue, KeepsAllThatIsKnown, RefusesAllOfThemWhenFull, NeverGivesAnIdTwice,
    AddsUpTheAttemptsOfAnItemThatFailsAgain, DoesNotCountTheSameRunsTwice,
    LeavesALetterAsItIsWhoseItemWasReadAgainAndNotRun, CountsAReplayThatFailed,
    ShowsThemInTheOrderOfKeysAndArrival, ShowsFewLargeOnesAtATime, ShowsWhatTheFilterLetsThrough,
    CountsTheCausesByStage, ReplacesAPayloadAndSaysSo, KeepsNoPayloadOfALetterThatIsGone,
    ReplaysWhatWasMendedWhateverItsCountWas, TakesBackWhatWasAskedForAndNotBegun,
    RefusesToEditWhatIsNotThereOrBeingReplayed, AskedTwiceToReplayIsAskedOnce,
    LeavesOutWhatWasReplayedTooOftenUnlessForced, HandsOutWhatIsRequestedInOrder,
    HandsOutNoLetterTwice, GivesBackWhatADeadClaimantLeft, TakesBackWhatWasNotReplayed,
    ParksWhatCantBeReplayed, RemovesWhatWentThrough, PurgesWhatTheFilterLetsThrough,
    KeepsTheAuditInOrder, SaysThatThePayloadIsNotWhatFailed,
    TakesBackTheFirstOfThoseThatWereAskedFor);

} // namespace weir::queue_tests
