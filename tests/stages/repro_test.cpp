#include <weir/stages/awaitable.hpp>
#include <weir/stages/repro.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using weir::dead_letter;
using weir::repro;
using weir::result;

dead_letter letter(std::string payload, std::string type = {}) {
  dead_letter one;
  one.pipeline = "numbers";
  one.stage = "parse";
  one.payload = std::move(payload);
  one.payload_type = std::move(type);
  one.why = weir::poison("no number");
  return one;
}

result<int> parse(const std::string& text) {
  if (text == "throw")
    throw std::runtime_error{"no number"};
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos)
    return weir::poison("no number");
  return std::stoi(text);
}

TEST(Repro, RunsAFunctionOnTheRecordedItem) {
  const auto outcome = repro(letter("17"), parse);
  EXPECT_TRUE(outcome);
  EXPECT_EQ(outcome.outputs, std::vector{17});
  EXPECT_EQ(outcome.text(), "stage 'parse': it went through, to 1 output");
}

TEST(Repro, SaysWhetherItFailsAsRecorded) {
  EXPECT_EQ(repro(letter("x"), parse).text(),
            "stage 'parse' failed as recorded: poison: no number");
  auto other = letter("x");
  other.why = weir::transient("no answer");
  const auto outcome = repro(other, parse);
  EXPECT_FALSE(outcome.as_recorded);
  EXPECT_TRUE(outcome.ran);
  EXPECT_TRUE(outcome.outputs.empty());
  EXPECT_EQ(outcome.text(), "stage 'parse' failed, otherwise than recorded: poison: no number");
}

TEST(Repro, DescribesAnExceptionOrLetsItThrough) {
  const auto outcome = repro(letter("throw"), parse);
  EXPECT_TRUE(outcome.threw);
  EXPECT_EQ(outcome.text(), "stage 'parse' threw, otherwise than recorded: fatal: no number");
  EXPECT_THROW(repro(letter("throw"), parse, {.catch_exceptions = false}), std::runtime_error);
}

TEST(Repro, RefusesALetterOfAnotherStage) {
  const auto outcome = repro(letter("17", "weir::dead_letter"), parse);
  EXPECT_FALSE(outcome.ran);
  EXPECT_EQ(outcome.text(),
            "stage 'parse' was not run: poison: the letter of stage 'parse' holds a "
            "weir::dead_letter, and this stage takes a "
                + weir::internal::type_name(typeid(std::string)));
  EXPECT_TRUE(repro(letter("17", "renamed"), parse, {.check_type = false}));
  EXPECT_TRUE(repro(letter("17", weir::internal::type_name(typeid(std::string))), parse));
}

TEST(Repro, SaysThatAPayloadCantBeRead) {
  const auto half = [](int number) { return number / 2; };
  EXPECT_EQ(repro(letter("8"), half).outputs, std::vector{4});
  const auto outcome = repro(letter("x"), half);
  EXPECT_FALSE(outcome.ran);
  EXPECT_EQ(outcome.why->kind, weir::failure_kind::poison);
}

TEST(Repro, RunsEveryShapeOfAFunction) {
  const auto filter = [](const std::string& text) -> result<std::optional<std::string>> {
    return text == "keep" ? std::optional{text} : std::nullopt;
  };
  EXPECT_EQ(repro(letter("keep"), filter).outputs, std::vector<std::string>{"keep"});
  EXPECT_EQ(repro(letter("drop"), filter).text(), "stage 'parse': it went through, to 0 outputs");
  const auto letters = [](const std::string& text) {
    return std::vector<char>(text.begin(), text.end());
  };
  EXPECT_EQ(repro(letter("ab"), letters).outputs, (std::vector{'a', 'b'}));
  const auto emitting = [](int count, weir::emitter<int>& out,
                           weir::context& where) -> result<void> {
    for (int k = 0; k < count; ++k)
      out(k);
    if (count > 2)
      return weir::fatal("too many for " + where.pipeline() + "/" + where.stage());
    return {};
  };
  EXPECT_EQ(repro(letter("2"), emitting).outputs, (std::vector{0, 1}));
  const auto outcome = repro(letter("3"), emitting);
  EXPECT_EQ(outcome.why->message(), "too many for numbers/parse");
  EXPECT_TRUE(outcome.outputs.empty()) << "a failed item leads to nothing";
  const auto by_value = [](std::string text) noexcept { return text + "!"; };
  EXPECT_EQ(repro(letter("a"), by_value).outputs, std::vector<std::string>{"a!"});
}

struct adder {
  using input = int;
  using output = int;
  result<void> on_start(weir::context& where) {
    if (where.stage() != "parse")
      return weir::fatal("the wrong stage");
    sum = 100;
    return {};
  }
  void on_item(const int& number, weir::emitter<int>& out, weir::context& where) {
    where.source_waker().wake(); // harmless, where nothing runs
    out(sum += number);
  }
  int sum = 0;
};

TEST(Repro, StartsAStageWithStateAfresh) {
  EXPECT_EQ(repro(letter("7"), adder{}).outputs, std::vector{107});
  EXPECT_EQ(repro(letter("7"), weir::factory{[] { return adder{}; }}).outputs, std::vector{107});
  auto elsewhere = letter("7");
  elsewhere.stage = "other";
  const auto outcome = repro(elsewhere, adder{});
  EXPECT_FALSE(outcome.ran);
  EXPECT_EQ(outcome.text(), "stage 'other' was not run: fatal: on_start ← the wrong stage");
}

TEST(Repro, RunsSinks) {
  int sum = 0;
  const auto add = [&sum](int number) { sum += number; };
  EXPECT_EQ(repro(letter("7"), add).text(), "stage 'parse': it went through");
  EXPECT_EQ(sum, 7);
  const auto refuse = [](const int&) -> result<void> { return weir::transient("full"); };
  EXPECT_EQ(repro(letter("7"), refuse).why->message(), "full");
}

struct row_sink {
  using input = weir::batch<int>;
  result<weir::batch_outcome> on_batch(const weir::batch<int>& rows, weir::context&) {
    if (rows.items.size() > 1)
      return weir::transient("busy");
    weir::batch_outcome outcome;
    if (rows.items.at(0) < 0)
      outcome.rejected.push_back({0, weir::poison("no number")});
    return outcome;
  }
};

TEST(Repro, TakesARejectedRowAsABatchOfOne) {
  EXPECT_EQ(repro(letter("-1", "int"), row_sink{}).text(),
            "stage 'parse' failed as recorded: poison: no number");
  EXPECT_TRUE(repro(letter("1", "int"), row_sink{}));
  EXPECT_EQ(repro(letter("1\n2\n", weir::internal::type_name(typeid(weir::batch<int>))), row_sink{})
                .why->message(),
            "busy");
}

boost::asio::awaitable<result<int>> look_up(std::string text) {
  boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor,
                                  std::chrono::milliseconds{1}};
  co_await timer.async_wait(boost::asio::use_awaitable);
  co_return parse(text);
}

/// What runs awaitables alone keeps its I/O context for the next one, so that no test leaves one behind.
class ReproOfAnAwaitable : public testing::Test {
protected:
  static void SetUpTestSuite() { EXPECT_TRUE(repro(letter("17"), look_up)); }
};

TEST_F(ReproOfAnAwaitable, RunsItToItsEnd) {
  EXPECT_EQ(repro(letter("17"), look_up).outputs, std::vector{17});
  EXPECT_EQ(repro(letter("x"), look_up).text(),
            "stage 'parse' failed as recorded: poison: no number");
  EXPECT_TRUE(repro(letter("throw"), look_up).threw);
  EXPECT_THROW(repro(letter("throw"), look_up, {.catch_exceptions = false}), std::runtime_error);
}

} // namespace
