#include <weir/node/progress.hpp>

#include <sstream>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using weir::internal::charset;
using weir::internal::progress_line;

/// Half of the input was read in 8.2 s, and a fifth of that is still in flight.
weir::internal::progress_snapshot some() {
  return {
      .elapsed = 8200ms,
      .ledger = {.admitted = 5120, .acknowledged = 4084, .dead_lettered = 12, .in_flight = 1024},
      .rate = 498.2,
      .input = weir::input_progress{.bytes_read = 500'000, .bytes_total = 1'000'000}};
}

weir::internal::progress_snapshot of_unknown_size() {
  auto snapshot = some();
  snapshot.input.reset();
  return snapshot;
}

TEST(ProgressLine, ShowsEverythingOnAWideTerminal) {
  EXPECT_EQ(progress_line(some(), 120, charset::utf8),
            "████████████░░░░░░░░░░░░░░░░░░  40.0 %  4,096 done  498/s  1,024 in flight  12 dead "
            "letters  ETA 13 s");
  EXPECT_EQ(progress_line(some(), 120, charset::ascii),
            "############..................  40.0 %  4,096 done  498/s  1,024 in flight  12 dead "
            "letters  ETA 13 s");
}

TEST(ProgressLine, ShrinksTheBarAndLeavesOutTheLeastTelling) {
  EXPECT_EQ(progress_line(some(), 80, charset::ascii),
            "####.....  40.0 %  4,096 done  498/s  1,024 in flight  12 dead letters  ETA 13 s");
  EXPECT_EQ(progress_line(some(), 78, charset::ascii),
            "40.0 %  4,096 done  498/s  1,024 in flight  12 dead letters  ETA 13 s");
  EXPECT_EQ(progress_line(some(), 60, charset::ascii),
            "40.0 %  498/s  1,024 in flight  12 dead letters  ETA 13 s");
  EXPECT_EQ(progress_line(some(), 50, charset::ascii),
            "40.0 %  498/s  1,024 in flight  12 dead letters");
  EXPECT_EQ(progress_line(some(), 35, charset::ascii), "40.0 %  498/s  12 dead letters");
  EXPECT_EQ(progress_line(some(), 20, charset::ascii), "#####.......  40.0 %");
  EXPECT_EQ(progress_line(some(), 6, charset::ascii), "40.0 %");
  EXPECT_EQ(progress_line(some(), 5, charset::ascii), "40...");
}

TEST(ProgressLine, IsNeverWiderThanTheTerminal) {
  for (const auto& snapshot : {some(), of_unknown_size(), weir::internal::progress_snapshot{}})
    for (const auto shown : {charset::ascii, charset::utf8})
      for (std::size_t columns = 0; columns < 150; ++columns)
        EXPECT_LE(weir::internal::columns_of(progress_line(snapshot, columns, shown)), columns);
}

TEST(ProgressLine, OfAnInputOfUnknownSizeHasNoBarAndShowsTheTimeSoFar) {
  EXPECT_EQ(progress_line(of_unknown_size(), 100, charset::utf8),
            "4,096 done  498/s  1,024 in flight  12 dead letters  8 s");
}

TEST(ProgressLine, OfARunThatHasNotBegunShowsNothingDone) {
  EXPECT_EQ(progress_line({}, 100, charset::utf8), "0 done  0/s  0 in flight  0 dead letters  0 s");
}

TEST(ProgressLine, SpeaksOfOneDeadLetterAndOfSlowRates) {
  EXPECT_EQ(progress_line({.elapsed = 200s, .ledger = {.dead_lettered = 1}, .rate = 0.25}, 100,
                          charset::utf8),
            "1 done  0.2/s  0 in flight  1 dead letter  3 min 20 s");
}

TEST(ProgressLine, SaysHundredPercentOnlyWhenAllIsDone) {
  auto snapshot = some();
  snapshot.ledger = {.admitted = 100'000, .acknowledged = 99'999, .in_flight = 1};
  snapshot.input->bytes_read = snapshot.input->bytes_total;
  EXPECT_EQ(progress_line(snapshot, 10, charset::ascii), "99.9 %");
  snapshot.ledger = {.admitted = 100'000, .acknowledged = 100'000};
  EXPECT_EQ(progress_line(snapshot, 10, charset::ascii), "100.0 %");
}

TEST(TimeLeft, AssumesThatTheRestGoesAsFast) {
  // 400 kB of 1 MB in 8.2 s, so the other 600 kB in 12.3 s.
  EXPECT_EQ(weir::internal::time_left(some()), 13s);
}

TEST(TimeLeft, OfAResumedRunGoesByThisRunAlone) {
  auto snapshot = some();
  snapshot.input->bytes_at_start = 400'000; // 80 kB in 8.2 s, and 520 kB to go
  EXPECT_DOUBLE_EQ(weir::internal::done_share(snapshot), 0.48);
  EXPECT_EQ(weir::internal::time_left(snapshot), 54s);
}

TEST(TimeLeft, IsUnknownBeforeThereIsSomethingToGoBy) {
  auto snapshot = some();
  snapshot.elapsed = 999ms;
  EXPECT_EQ(weir::internal::time_left(snapshot), std::nullopt);
  snapshot.elapsed = 8s;
  snapshot.ledger = {.admitted = 5, .in_flight = 5};
  EXPECT_EQ(weir::internal::time_left(snapshot), std::nullopt);
  EXPECT_EQ(weir::internal::time_left(of_unknown_size()), std::nullopt);
}

TEST(DoneShare, OfAnEmptyInputOrOfOneThatGrewStaysWithinItsBounds) {
  auto snapshot = some();
  snapshot.input->bytes_total = 0;
  EXPECT_EQ(weir::internal::done_share(snapshot), 0.0);
  snapshot.input->bytes_total = 1;
  EXPECT_EQ(weir::internal::done_share(snapshot), 1.0);
}

TEST(Progress, WritesOneLineOverTheOtherAndErasesItAtTheEnd) {
  std::ostringstream out;
  {
    weir::internal::progress line{out, {.terminal = true, .columns = 80, .shown = charset::ascii}};
    line.update(1s, {.admitted = 10, .acknowledged = 10});
    line.update(3s, {.admitted = 50, .acknowledged = 50});
  }
  EXPECT_EQ(out.str(), "\r10 done  10/s  0 in flight  0 dead letters  1 s\x1b[K"
                       "\r50 done  20/s  0 in flight  0 dead letters  3 s\x1b[K"
                       "\r\x1b[K");
}

TEST(Progress, ErasesOnceBeforeSomethingElseIsWritten) {
  std::ostringstream out;
  weir::internal::progress line{out, {.terminal = true, .columns = 7, .shown = charset::ascii}};
  line.erase();
  EXPECT_EQ(out.str(), "");
  line.update(1s, {});
  line.erase();
  line.erase();
  EXPECT_EQ(out.str(), "\r0 done\x1b[K\r\x1b[K");
}

TEST(Progress, KeepsItsRateWhenNoTimeHasPassed) {
  std::ostringstream out;
  weir::internal::progress line{out, {.terminal = true, .columns = 40, .shown = charset::ascii}};
  line.update(2s, {.acknowledged = 4000});
  line.update(2s, {.acknowledged = 4000});
  EXPECT_EQ(out.str(), "\r4,000 done  2,000/s  0 in flight  2 s\x1b[K"
                       "\r4,000 done  2,000/s  0 in flight  2 s\x1b[K");
}

TEST(Progress, LeavesTheLastColumnFree) {
  std::ostringstream out;
  weir::internal::progress line{out, {.terminal = true, .columns = 6, .shown = charset::ascii}};
  line.update(1s, {});
  EXPECT_EQ(out.str(), "\r0 ...\x1b[K");
}

TEST(Progress, IsQuietWithoutATerminal) {
  std::ostringstream out;
  {
    weir::internal::progress line{out, {.terminal = false}};
    line.update(1s, {.acknowledged = 1});
    line.erase();
  }
  EXPECT_EQ(out.str(), "");
}

} // namespace
