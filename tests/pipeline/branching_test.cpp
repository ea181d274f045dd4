#include "../running.hpp"

#include <algorithm>
#include <any>
#include <initializer_list>
#include <map>
#include <string>

namespace {

using namespace weir_test;

bool even(int n) { return n % 2 == 0; }

constexpr std::size_t count = 200;

/// Broadcast, route and merge, in mailboxes of each of these capacities.
class Branching : public testing::TestWithParam<std::uint32_t> {
protected:
  weir::stage_options options() const {
    return {.mailbox_capacity = GetParam(), .retry = at_once()};
  }
  weir::dead_letters::memory letters_;
};

INSTANTIATE_TEST_SUITE_P(Capacity, Branching, testing::Values(3U, 4U, 1024U),
                         testing::PrintToStringParamName());

TEST_P(Branching, ABroadcastGivesEveryItemToTwo) {
  collected<int> left;
  collected<int> right;
  weir::pipeline p{"branches"};
  auto [a, b] = p.from("source", numbers(count)).broadcast<2>();
  std::move(a).to("left", left.sink(), options());
  std::move(b).to("right", right.sink(), options());
  const auto done = run(std::move(p));
  EXPECT_EQ(left.items(), up_to(count));
  EXPECT_EQ(right.items(), up_to(count));
  EXPECT_EQ(done.ledger, (weir::ledger_totals{.admitted = count, .acknowledged = count}));
}

TEST_P(Branching, ABroadcastGivesEveryItemToThreeWhoEndThemDifferently) {
  // Stored by the first, filtered by the second, and every tenth refused by the third: the gravest end counts.
  collected<int> first;
  collected<int> third;
  weir::pipeline p{"branches"};
  auto [a, b, c] = p.from("source", numbers(count)).broadcast<3>();
  std::move(a).to("first", first.sink(), options());
  std::move(b)
      .via(
          "nothing", [](int) noexcept { return std::optional<int>{}; }, options())
      .to(
          "second", [](const int&) noexcept {}, options());
  std::move(c).to(
      "third",
      [third](const int& n) -> weir::result<void> {
        if (n % 10 == 0)
          return weir::poison("a round number");
        third.add(n);
        return {};
      },
      options());
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(first.items(), up_to(count));
  EXPECT_EQ(third.items(), up_to(count, [](int n) { return n % 10 != 0; }));
  EXPECT_EQ(done.ledger,
            (weir::ledger_totals{.admitted = count, .acknowledged = 180, .dead_lettered = 20}));
  EXPECT_EQ(letters_.letters().size(), 20U);
}

TEST_P(Branching, WhatEveryBranchFiltersIsFiltered) {
  weir::pipeline p{"branches"};
  auto [a, b] = p.from("source", numbers(count)).broadcast<2>();
  const auto none = [](int) noexcept { return std::optional<int>{}; };
  p.merge(std::move(a).via("left", none, options()), std::move(b).via("right", none, options()))
      .to(
          "sink", [](const int&) noexcept {}, options());
  EXPECT_EQ(run(std::move(p)).ledger, (weir::ledger_totals{.admitted = count, .filtered = count}));
}

TEST_P(Branching, TheSlowestBranchHoldsUpTheOthers) {
  collected<int> quick;
  const auto slow = sink_probe<int>::on_request();
  weir::pipeline p{"branches"};
  auto [a, b] = p.from("source", numbers(5000)).broadcast<2>("both");
  std::move(a).to("quick", quick.sink(), options());
  std::move(b).to("slow", slow, {.mailbox_capacity = GetParam()});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  // As many as the slow mailbox holds, plus what the broadcast itself may keep: the one item it couldn't hand on.
  EXPECT_GE(quick.size(), GetParam());
  EXPECT_LE(quick.size(), GetParam() + 1U);
  EXPECT_GT(r.stage("both").backlog, 0U);
  slow.request(5000);
  r.finishes();
  EXPECT_EQ(quick.items(), up_to(5000));
  EXPECT_EQ(slow.items(), up_to(5000));
}

TEST_P(Branching, ARouteSendsEveryItemOneWay) {
  collected<int> evens;
  collected<int> odds;
  weir::pipeline p{"branches"};
  auto [a, b] = p.from("source", numbers(count)).route(even);
  std::move(a).to("evens", evens.sink(), options());
  std::move(b).to("odds", odds.sink(), options());
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(evens.items(), up_to(count, even));
  EXPECT_EQ(odds.items(), up_to(count, [](int n) { return !even(n); }));
  EXPECT_EQ(done.ledger.acknowledged, count);
}

TEST_P(Branching, APredicateThatThrowsFailsItsItemOnly) {
  collected<int> all;
  weir::pipeline p{"branches", restarting()};
  auto [a, b] = p.from("source", numbers(count)).route([](const int& n) {
    if (n % 50 == 7)
      throw std::runtime_error{"can't decide"};
    return n % 2 == 0;
  });
  std::move(a).to("evens", all.sink(), options());
  std::move(b).to("odds", all.sink(), options());
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  auto got = all.items();
  std::ranges::sort(got);
  EXPECT_EQ(got, up_to(count, [](int n) { return n % 50 != 7; }));
  EXPECT_EQ(done.ledger.dead_lettered, 4U);
}

TEST_P(Branching, WhatWasRoutedApartCanBeMerged) {
  collected<int> out;
  weir::pipeline p{"branches"};
  auto [a, b] =
      p.from("source", numbers(count)).route([](const int& n) noexcept { return even(n); });
  p.merge(std::move(a).via(
              "left", [](int n) noexcept { return n; }, options()),
          std::move(b).via(
              "right", [](int n) noexcept { return -n; }, options()))
      .to("sink", out.sink(), options());
  const auto done = run(std::move(p));
  auto got = out.items();
  std::vector<int> negative;
  std::ranges::copy_if(got, std::back_inserter(negative), [](int n) { return n < 0; });
  EXPECT_TRUE(std::ranges::is_sorted(negative, std::greater{})) << "each flow keeps its order";
  for (auto& n : got)
    n = std::abs(n);
  std::ranges::sort(got);
  EXPECT_EQ(got, up_to(count));
  EXPECT_EQ(done.ledger.acknowledged, count);
}

TEST_P(Branching, SeveralSourcesMergeEachInItsOrder) {
  const auto named = [](int which) {
    return counted{count, [which](std::size_t n) { return 1000 * which + static_cast<int>(n); }};
  };
  collected<int> out;
  weir::pipeline p{"branches"};
  p.merge(p.from("one", named(1)), p.from("two", named(2)), p.from("three", named(3)))
      .to("sink", out.sink(), options());
  const auto done = run(std::move(p));
  std::map<int, std::vector<int>> by_source;
  for (auto n : out.items())
    by_source[n / 1000].push_back(n % 1000);
  for (int which : {1, 2, 3})
    EXPECT_EQ(by_source[which], up_to(count)) << which;
  EXPECT_EQ(done.ledger.acknowledged, 3 * count);
}

TEST_P(Branching, ASourceThatEndsEarlyLeavesTheOthersRunning) {
  source_probe<int> hand;
  collected<int> out;
  weir::pipeline p{"branches"};
  p.merge(p.from("empty", numbers(0)), p.from("hand", hand), p.from("short", numbers(3)))
      .to("sink", out.sink(), options());
  running r{std::move(p)};
  r.settle();
  EXPECT_EQ(out.size(), 3U);
  hand.push(100);
  r.settle();
  EXPECT_EQ(out.size(), 4U);
  EXPECT_EQ(out.items().back(), 100);
  hand.complete();
  r.finishes();
}

TEST_P(Branching, AnItemThatComesTogetherAgainIsSettledOnce) {
  // A diamond: twice in the sink, once in the books.
  collected<int> out;
  weir::pipeline p{"branches"};
  auto [a, b] = p.from("source", numbers(count)).broadcast<2>();
  p.merge(std::move(a), std::move(b)).to("sink", out.sink(), options());
  const auto done = run(std::move(p));
  auto got = out.items();
  std::ranges::sort(got);
  std::vector<int> twice;
  for (auto n : up_to(count))
    twice.insert(twice.end(), 2, n);
  EXPECT_EQ(got, twice);
  EXPECT_EQ(done.ledger, (weir::ledger_totals{.admitted = count, .acknowledged = count}));
}

/// Like a JSON value: from a list of one it would make a list, not the one.
struct tree {
  int leaf = 0;
  std::vector<tree> branches = {};

  explicit tree(int value) : leaf{value} {}
  tree(std::initializer_list<tree> of) : branches(of) {}
};
std::string weir_payload(const tree& item) { return std::to_string(item.leaf); }

TEST(BranchingOfTypes, ABroadcastGivesCopiesAndNotListsOfOne) {
  collected<int> out;
  weir::pipeline p{"branches"};
  auto [a, b] =
      p.from("source", counted{10, [](std::size_t n) { return tree(static_cast<int>(n)); }})
          .broadcast<2>();
  std::move(a).to("left", [out](const tree& item) noexcept { out.add(item.leaf); });
  std::move(b).to("right", [](const tree&) noexcept {});
  run(std::move(p));
  EXPECT_EQ(out.items(), up_to(10));
}

/// Fails to be copied once, as a string may when memory is short.
struct fragile {
  std::shared_ptr<std::atomic<int>> copies_left;
  int number = 0;

  fragile(std::shared_ptr<std::atomic<int>> copies, int n)
      : copies_left{std::move(copies)}, number{n} {}
  fragile(const fragile& other) : copies_left{other.copies_left}, number{other.number} {
    if (--*copies_left == 0)
      throw std::bad_alloc{};
  }
  fragile(fragile&&) = default;
  fragile& operator=(fragile&&) = default;
};
std::string weir_payload(const fragile& item) { return std::to_string(item.number); }

TEST(BranchingOfTypes, AnItemThatCantBeCopiedForABroadcastIsCopiedAgain) {
  auto copies = std::make_shared<std::atomic<int>>(5);
  collected<int> left;
  collected<int> right;
  weir::dead_letters::memory letters;
  weir::pipeline p{"branches", restarting()};
  auto [a, b] = p.from("source", counted{10,
                                         [copies](std::size_t n) {
                                           return fragile{copies, static_cast<int>(n)};
                                         }})
                    .broadcast<2>();
  std::move(a).to("left", [left](const fragile& item) noexcept { left.add(item.number); });
  std::move(b).to("right", [right](const fragile& item) noexcept { right.add(item.number); });
  p.dead_letters_to(letters);
  const auto done = run(std::move(p));
  EXPECT_EQ(left.items(), up_to(10));
  EXPECT_EQ(right.items(), up_to(10));
  EXPECT_EQ(done.ledger.acknowledged, 10U);
}

} // namespace
