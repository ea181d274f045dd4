#include <weir/actors/awaitable.hpp>
#include <weir/actors/sleep.hpp>
#include <weir/testkit/stage.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

using namespace std::chrono_literals;
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
  EXPECT_NE(outcome.why->message().find("gave up"), std::string::npos) << outcome.why->message();
  EXPECT_TRUE(outcome.ledger.balanced());
}

TEST(StageAlone, CountsWhatItFilters) {
  const auto outcome = run_stage<int>(
      [](const int& x) { return x % 2 == 0 ? std::optional{x} : std::nullopt; }, {1, 2, 3, 4});
  EXPECT_EQ(outcome.outputs, (std::vector{2, 4}));
  EXPECT_EQ(outcome.ledger.filtered, 2U);
}

} // namespace
