#include "../running.hpp"

#include <functional>
#include <string>

#include <gmock/gmock.h>

namespace {

using namespace weir_test;
using weir::batch;
using weir::batch_outcome;
using weir::context;
using weir::result;

using answering = std::function<result<batch_outcome>(const batch<int>&, int run)>;

/// Answers as the test says, and keeps what it was given whenever it stored some of it.
struct answering_sink {
  using input = batch<int>;
  answering answers;
  collected<std::vector<int>> taken;
  int runs = 0;

  result<batch_outcome> on_batch(const input& all, context&) {
    auto answer = answers(all, ++runs);
    if (answer)
      taken.add(all.items);
    return answer;
  }
};

class BatchSink : public testing::Test {
protected:
  weir::pipeline batches_into(answering answers, std::uint32_t attempts = 3) {
    weir::pipeline p{"batches", restarting()};
    p.from("numbers", numbers(12))
        .batch("batch", {.size_max = 5, .delay_max = 1h})
        .to("sink", answering_sink{std::move(answers), taken_}, {.retry = at_once(attempts)});
    p.dead_letters_to(letters_);
    return p;
  }
  std::vector<std::string> dead_lettered() const {
    std::vector<std::string> all;
    for (const auto& one : letters_.letters())
      all.push_back(std::to_string(one.position) + "=" + one.payload + " " + one.why.message());
    return all;
  }

  collected<std::vector<int>> taken_;
  weir::dead_letters::memory letters_;
};

TEST_F(BatchSink, StoresABatchAsAWhole) {
  const auto done = run(batches_into([](const auto&, int) { return batch_outcome{}; }));
  EXPECT_EQ(taken_.items(),
            (std::vector<std::vector<int>>{{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}, {10, 11}}));
  EXPECT_EQ(done.ledger, (weir::ledger_totals{.admitted = 12, .acknowledged = 12}));
}

TEST_F(BatchSink, ParksTheRowsItRejectsAndFiltersTheOnesItHas) {
  const auto done = run(batches_into([](const batch<int>& all, int) {
    if (all.items.front() != 5)
      return batch_outcome{};
    return batch_outcome{
        .filtered = {1, 2},
        .rejected = {{0, weir::poison("too long")}, {4, weir::poison("no such key")}}};
  }));
  EXPECT_EQ(
      done.ledger,
      (weir::ledger_totals{.admitted = 12, .acknowledged = 8, .filtered = 2, .dead_lettered = 2}));
  EXPECT_EQ(dead_lettered(), (std::vector<std::string>{"6=5 too long", "10=9 no such key"}));
  const auto letter = letters_.letters().front();
  EXPECT_EQ(letter.payload_type, "int");
  EXPECT_EQ(letter.stage, "sink");
  EXPECT_EQ(letter.source, "numbers");
  EXPECT_EQ(letter.attempts, 1U);
  EXPECT_EQ(done.stages.back().dead_lettered, 2U);
  EXPECT_EQ(done.stages.back().restarts, 0U);
}

TEST_F(BatchSink, MayRejectOrFilterEveryRow) {
  const auto done = run(batches_into([](const batch<int>& all, int) {
    batch_outcome outcome;
    for (std::size_t k = 0; k < all.items.size(); ++k)
      if (all.items.front() == 0)
        outcome.rejected.push_back({k, weir::poison("none of these")});
      else
        outcome.filtered.push_back(k);
    return outcome;
  }));
  EXPECT_EQ(done.ledger, (weir::ledger_totals{.admitted = 12, .filtered = 7, .dead_lettered = 5}));
  EXPECT_EQ(letters_.letters().size(), 5U);
}

TEST_F(BatchSink, GetsTheSameBatchAgainAfterATransientFailure) {
  const auto done = run(batches_into([](const batch<int>& all, int run) -> result<batch_outcome> {
    if (all.items.front() == 5 && run < 4)
      return weir::transient("database is locked");
    return batch_outcome{};
  }));
  EXPECT_EQ(taken_.items(),
            (std::vector<std::vector<int>>{{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}, {10, 11}}));
  EXPECT_EQ(done.ledger, (weir::ledger_totals{.admitted = 12, .acknowledged = 12}));
  EXPECT_EQ(done.stages.back().failed, 2U);
}

TEST_F(BatchSink, ParksARefusedBatchAsOneLetterOfAllItsItems) {
  const auto done = run(batches_into([](const batch<int>& all, int) -> result<batch_outcome> {
    if (all.items.front() == 5)
      return weir::poison("no such table");
    return batch_outcome{};
  }));
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"6=5\n6\n7\n8\n9\n no such table"});
  EXPECT_EQ(done.ledger,
            (weir::ledger_totals{.admitted = 12, .acknowledged = 7, .dead_lettered = 5}));
}

TEST_F(BatchSink, ThatThrowsGetsTheSameBatchAgainInAFreshInstance) {
  std::vector<int> runs_of_the_second;
  const auto done = run(batches_into([&](const batch<int>& all, int run) -> result<batch_outcome> {
    if (all.items.front() != 5)
      return batch_outcome{};
    runs_of_the_second.push_back(run);
    if (runs_of_the_second.size() < 3)
      throw std::runtime_error{"connection lost"};
    return batch_outcome{};
  }));
  EXPECT_EQ(runs_of_the_second, (std::vector{2, 1, 1})) << "the instance counts its own runs";
  EXPECT_EQ(done.ledger, (weir::ledger_totals{.admitted = 12, .acknowledged = 12}));
  EXPECT_EQ(done.stages.back().restarts, 2U);
}

TEST_F(BatchSink, CountsTheRunsOfABatchInItsLetters) {
  (void)run(batches_into([](const batch<int>& all, int run) -> result<batch_outcome> {
    if (all.items.front() == 0 && run < 3)
      return weir::transient("busy");
    if (all.items.front() == 0)
      return batch_outcome{.filtered = {}, .rejected = {{2, weir::poison("bad row")}}};
    return batch_outcome{};
  }));
  ASSERT_EQ(letters_.letters().size(), 1U);
  EXPECT_EQ(letters_.letters().front().attempts, 3U);
}

TEST_F(BatchSink, ThatNamesARowThatIsNotThereFails) {
  for (const bool as_rejected : {true, false}) {
    letters_.clear();
    const auto done = run(batches_into(
        [as_rejected](const batch<int>& all, int) {
          batch_outcome outcome;
          if (all.items.front() == 5 && as_rejected)
            outcome.rejected.push_back({5, weir::poison("one too far")});
          else if (all.items.front() == 5)
            outcome.filtered.push_back(5);
          return outcome;
        },
        1));
    ASSERT_EQ(letters_.letters().size(), 1U);
    EXPECT_THAT(letters_.letters().front().why.message(), testing::HasSubstr("5"));
    EXPECT_EQ(done.ledger,
              (weir::ledger_totals{.admitted = 12, .acknowledged = 7, .dead_lettered = 5}));
  }
}

TEST_F(BatchSink, ThatRejectsARowTwiceParksItOnce) {
  const auto done = run(batches_into([](const batch<int>& all, int) {
    batch_outcome outcome;
    if (all.items.front() == 5)
      outcome = {.filtered = {1, 2, 2},
                 .rejected = {{1, weir::poison("bad")}, {1, weir::poison("bad in two ways")}}};
    return outcome;
  }));
  ASSERT_EQ(letters_.letters().size(), 1U);
  EXPECT_THAT(letters_.letters().front().why.message(), testing::HasSubstr("bad"));
  EXPECT_EQ(
      done.ledger,
      (weir::ledger_totals{.admitted = 12, .acknowledged = 10, .filtered = 1, .dead_lettered = 1}));
}

TEST_F(BatchSink, TakesBatchesThatLostRowsOnTheirWay) {
  // Rows are named by their place in the batch as the sink got it: what it rejects must be what is dead-lettered, and
  // the position the one it was read at, or none.
  weir::pipeline p{"batches", restarting()};
  p.from("numbers", numbers(10))
      .batch("batch", {.size_max = 10, .delay_max = 1h})
      .via("odd",
           [](batch<int> all) {
             std::erase_if(all.items, [](int n) { return n % 2 == 0; });
             return all;
           })
      .to("sink",
          answering_sink{
              [](const batch<int>&, int) {
                return batch_outcome{.filtered = {}, .rejected = {{4, weir::poison("the last")}}};
              },
              taken_});
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  ASSERT_EQ(letters_.letters().size(), 1U);
  EXPECT_EQ(letters_.letters().front().payload, "9");
  EXPECT_NE(letters_.letters().front().position, 5U) << "that is the position of another row";
  EXPECT_EQ(done.ledger.in_flight, 0U);
}

TEST_F(BatchSink, BesideAnotherCopyOfItsBatchSettlesEachRowByItsGravestEnd) {
  collected<std::vector<int>> other;
  weir::pipeline p{"batches", restarting()};
  auto [a, b] = p.from("numbers", numbers(12))
                    .batch("batch", {.size_max = 5, .delay_max = 1h})
                    .broadcast<2>();
  std::move(a).to(
      "sink",
      answering_sink{
          [](const batch<int>&, int) {
            return batch_outcome{.filtered = {0}, .rejected = {{1, weir::poison("second row")}}};
          },
          taken_});
  std::move(b).to("other", [other](const batch<int>& all) noexcept { other.add(all.items); });
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(other.items(), taken_.items());
  EXPECT_EQ(done.ledger,
            (weir::ledger_totals{.admitted = 12, .acknowledged = 9, .dead_lettered = 3}));
}

} // namespace
