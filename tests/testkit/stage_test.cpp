#include <weir/actors/sleep.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/testkit/stage.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

using namespace std::chrono_literals;
using weir::testkit::run_sink;
using weir::testkit::run_source;
using weir::testkit::run_stage;

namespace {

weir::result<int> parse(const std::string& text) {
  try {
    return std::stoi(text);
  } catch (const std::invalid_argument&) {
    return weir::poison("'" + text + "' is not a number");
  }
}

TEST(StageAlone, IsTestedInThreeLines) {
  const auto outcome = run_stage<std::string>(parse, {"1", "x", "3"});
  EXPECT_EQ(outcome.outputs, (std::vector{1, 3}));
  EXPECT_EQ(outcome.dead_letters.at(0).why.message(), "'x' is not a number");
  EXPECT_EQ(outcome.ledger.acknowledged, 2U);
  EXPECT_TRUE(outcome.ledger.balanced());
}

TEST(StageAlone, ShowsItsRestartsAndTheTimeTheyTook) {
  int runs = 0;
  const auto outcome = run_stage<int>(
      [&runs](const int& x) {
        if (++runs == 1)
          throw std::runtime_error{"once"};
        return x;
      },
      {5});
  EXPECT_EQ(outcome.outputs, (std::vector{5}));
  EXPECT_EQ(outcome.counts.restarts, 1U);
  EXPECT_GT(outcome.took, 0ms);
}

TEST(StageAlone, MayWait) {
  const auto outcome = run_stage<int>(
      [](int x) -> boost::asio::awaitable<int> {
        co_await weir::sleep_for(1h);
        co_return x + 1;
      },
      {1, 2}, {.in_flight_max = 2});
  EXPECT_EQ(outcome.outputs, (std::vector{2, 3}));
  EXPECT_EQ(outcome.took, 1h);
}

TEST(StageAlone, ThatFailsEverythingIsGivenUp) {
  const auto outcome = run_stage<int>([](const int&) -> int { throw std::runtime_error{"always"}; },
                                      std::vector<int>(50, 1));
  ASSERT_TRUE(outcome.why);
  EXPECT_NE(outcome.why->message().find("escalated"), std::string::npos) << outcome.why->message();
  EXPECT_TRUE(outcome.ledger.balanced());
}

TEST(StageAlone, CountsWhatItFilters) {
  const auto outcome = run_stage<int>(
      [](const int& x) { return x % 2 == 0 ? std::optional{x} : std::nullopt; }, {1, 2, 3, 4});
  EXPECT_EQ(outcome.outputs, (std::vector{2, 4}));
  EXPECT_EQ(outcome.ledger.filtered, 2U);
}

/// Counts to three.
struct counting {
  using output = int;
  weir::result<weir::source_state> poll(weir::intake<int>& in, weir::context&) {
    while (in.room() > 0 && next <= 3)
      in.put(next++);
    return next > 3 ? weir::source_state::done : weir::source_state::more;
  }
  int next = 1;
};

TEST(SourceAlone, IsRunUntilItIsDone) {
  const auto outcome = run_source(counting{});
  EXPECT_EQ(outcome.outputs, (std::vector{1, 2, 3}));
  EXPECT_EQ(outcome.ledger.admitted, 3U);
}

TEST(SourceAlone, ThatOnlyWaitsIsSaidToWaitForEver) {
  EXPECT_THROW(run_source(weir::testkit::source_probe<int>{}), std::logic_error);
}

TEST(SinkAlone, IsGivenItsItems) {
  const auto store = [](const int& x) -> weir::result<void> {
    if (x == 2)
      return weir::poison("two");
    return {};
  };
  const auto outcome = run_sink(store, {1, 2, 3});
  EXPECT_EQ(outcome.ledger.acknowledged, 2U);
  EXPECT_EQ(outcome.dead_letters.at(0).why.message(), "two");
}

/// Keeps all rows but the negative ones.
struct table {
  using input = weir::batch<int>;
  weir::result<weir::batch_outcome> on_batch(const input& rows, weir::context&) {
    weir::batch_outcome outcome;
    for (std::size_t row = 0; row < rows.items.size(); ++row)
      if (rows.items[row] < 0)
        outcome.rejected.push_back({row, weir::poison("negative")});
    return outcome;
  }
};

TEST(SinkAlone, OfBatchesIsGivenThemInOne) {
  const auto outcome = run_sink(table{}, {1, -2, 3});
  EXPECT_EQ(outcome.ledger.acknowledged, 2U);
  EXPECT_EQ(outcome.dead_letters.at(0).payload, "-2");
}

} // namespace
