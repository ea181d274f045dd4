#include "../threads.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <gmock/gmock.h>

namespace {

using namespace weir_test;
using weir::context;

/// An item of an account; `seen_by` notes the workers that had it.
struct booking {
  std::string account;
  int number = 0;
  std::vector<std::uint32_t> seen_by = {};
};
std::string weir_payload(const booking& item) {
  return item.account + "#" + std::to_string(item.number);
}

constexpr std::size_t count = 1000;

booking nth_booking(std::size_t n) {
  return {.account = "account-" + std::to_string(n * n % 23), .number = static_cast<int>(n)};
}
booking seen(booking item, context& where) {
  item.seen_by.push_back(where.worker_index());
  return item;
}

/// For each account its numbers, in the order in which they came.
std::map<std::string, std::vector<int>> by_account(const std::vector<booking>& all) {
  std::map<std::string, std::vector<int>> numbers;
  for (const auto& one : all)
    numbers[one.account].push_back(one.number);
  return numbers;
}
std::map<std::string, std::vector<int>> as_they_were_made() {
  std::vector<booking> all;
  for (std::size_t n = 0; n < count; ++n)
    all.push_back(nth_booking(n));
  return by_account(all);
}

class KeyBy : public testing::TestWithParam<std::uint32_t> {
protected:
  weir::stage_options options() const {
    return {.mailbox_capacity = GetParam(), .retry = at_once()};
  }

  collected<booking> out_;
  weir::dead_letters::memory letters_;
};

INSTANTIATE_TEST_SUITE_P(Capacity, KeyBy, testing::Values(4U, 7U, 1024U),
                         testing::PrintToStringParamName());

TEST_P(KeyBy, KeepsTheOrderOfEveryKeyThroughSeveralStages) {
  weir::pipeline p{"by_key"};
  p.from("source", counted{count, nth_booking})
      .key_by(&booking::account, {.lanes = 4})
      .via("first", seen, options())
      .via("second", seen, options())
      .via("third", seen, options())
      .merge()
      .to("sink", out_.sink(), options());
  p.dead_letters_to(letters_);
  const auto done = run_on_threads(std::move(p));
  EXPECT_EQ(by_account(out_.items()), as_they_were_made());
  EXPECT_EQ(done.ledger.acknowledged, count);

  std::map<std::string, std::set<std::uint32_t>> lanes;
  std::set<std::uint32_t> used;
  for (const auto& one : out_.items()) {
    EXPECT_EQ(one.seen_by, std::vector(3, one.seen_by.front())) << "an item stays in its lane";
    lanes[one.account].insert(one.seen_by.front());
    used.insert(one.seen_by.front());
  }
  for (const auto& [account, those] : lanes)
    EXPECT_EQ(those.size(), 1U) << account << " went through several lanes";
  EXPECT_EQ(used.size(), 4U) << "23 keys leave no lane unused";
}

TEST_P(KeyBy, CanBeDoneByAFunctionAndEndInLanesOfSinks) {
  weir::pipeline p{"by_key"};
  p.from("source", counted{count, nth_booking})
      .key_by([](const booking& item) { return item.number % 5; }, {.lanes = 3})
      .via("stage", seen, options())
      .to("sink", out_.sink(), options());
  p.dead_letters_to(letters_);
  EXPECT_EQ(run(std::move(p)).ledger.acknowledged, count);
  std::map<int, std::vector<int>> by_key;
  for (const auto& one : out_.items())
    by_key[one.number % 5].push_back(one.number);
  ASSERT_EQ(by_key.size(), 5U);
  for (const auto& [key, those] : by_key)
    EXPECT_TRUE(std::ranges::is_sorted(those)) << key;
}

TEST_P(KeyBy, BatchesEveryLaneByItself) {
  collected<std::vector<booking>> batches;
  weir::pipeline p{"by_key"};
  p.from("source", counted{count, nth_booking})
      .key_by(&booking::account, {.lanes = 4})
      .via("stage", seen, options())
      .batch("batch", {.size_max = 4, .delay_max = 1h, .mailbox_capacity = GetParam()})
      .to(
          "sink", [batches](const weir::batch<booking>& all) noexcept { batches.add(all.items); },
          options());
  p.dead_letters_to(letters_);
  EXPECT_EQ(run(std::move(p)).ledger.acknowledged, count);
  std::vector<booking> all;
  for (const auto& one : batches.items()) {
    for (const auto& each : one)
      EXPECT_EQ(each.seen_by, one.front().seen_by);
    all.insert(all.end(), one.begin(), one.end());
  }
  EXPECT_EQ(by_account(all), as_they_were_made());
}

TEST_P(KeyBy, AfterSeveralWorkersStillSendsEveryKeyOneWay) {
  weir::pipeline p{"by_key"};
  auto spread = options();
  spread.workers = 3;
  p.from("source", counted{count, nth_booking})
      .via(
          "anyhow", [](booking item) noexcept { return item; }, spread)
      .key_by(&booking::account, {.lanes = 2})
      .via("by-key", seen, options())
      .merge()
      .to("sink", out_.sink(), options());
  p.dead_letters_to(letters_);
  EXPECT_EQ(run_on_threads(std::move(p)).ledger.acknowledged, count);
  std::map<std::string, std::set<std::uint32_t>> lanes;
  for (const auto& one : out_.items())
    lanes[one.account].insert(one.seen_by.front());
  for (const auto& [account, those] : lanes)
    EXPECT_EQ(those.size(), 1U) << account;
  EXPECT_EQ(out_.size(), count);
}

TEST_P(KeyBy, KeepsTheOrderOfTheItemsThatDontFail) {
  weir::pipeline p{"by_key", restarting(1000)};
  p.from("source", counted{count, nth_booking})
      .key_by(&booking::account, {.lanes = 4})
      .via(
          "stage",
          [](const booking& item) {
            if (item.number % 100 == 99)
              throw std::runtime_error{"number " + std::to_string(item.number)};
            return item;
          },
          options())
      .merge()
      .to("sink", out_.sink(), options());
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(done.ledger.dead_lettered, 10U);
  auto expected = as_they_were_made();
  for (auto& [account, numbers] : expected)
    std::erase_if(numbers, [](int n) { return n % 100 == 99; });
  EXPECT_EQ(by_account(out_.items()), expected);
}

TEST_P(KeyBy, AKeyThatThrowsFailsItsItemOnly) {
  const auto key = [](const booking& item) {
    if (item.number % 500 == 250)
      throw std::runtime_error{"no key"};
    return item.account;
  };
  weir::pipeline p{"by_key", restarting()};
  p.from("source", counted{count, nth_booking})
      .via(
          "before", [](booking item) noexcept { return item; }, options())
      .key_by(key, {.lanes = 4})
      .via("stage", seen, options())
      .merge()
      .to("sink", out_.sink(), options());
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(done.ledger.acknowledged, count - 2);
  EXPECT_EQ(done.ledger.dead_lettered, 2U);
}

TEST(KeyByOptions, WithoutLanesAreRefused) {
  weir::pipeline p{"by_key"};
  p.from("source", numbers(1))
      .key_by([](const int& n) { return n; }, {.lanes = 0})
      .via("stage", [](int n) noexcept { return n; })
      .to("sink", [](const int&) noexcept {});
  EXPECT_THAT(p.validate(), testing::Contains("stage 'stage': workers must be 1 to 256, not 0"));
}

} // namespace
