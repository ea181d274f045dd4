#include "../running.hpp"

#include <optional>
#include <string>

namespace {

using namespace weir_test;
using weir::batch;

std::vector<std::size_t> sizes(const std::vector<std::vector<int>>& batches) {
  std::vector<std::size_t> all;
  for (const auto& one : batches)
    all.push_back(one.size());
  return all;
}
std::vector<int> joined(const std::vector<std::vector<int>>& batches) {
  std::vector<int> all;
  for (const auto& one : batches)
    all.insert(all.end(), one.begin(), one.end());
  return all;
}

class Batch : public testing::Test {
protected:
  template <class Source>
  weir::pipeline batches_of(Source source, weir::batch_options options) {
    weir::pipeline p{"batches"};
    p.from("source", std::move(source))
        .batch("batch", options)
        .to("sink", [out = out_](const batch<int>& all) noexcept { out.add(all.items); });
    return p;
  }

  collected<std::vector<int>> out_;
};

TEST_F(Batch, GoesOnWhenItIsFullAndAtTheEndWithWhatIsThere) {
  const auto done = run(batches_of(numbers(10), {.size_max = 4, .delay_max = 1h}));
  EXPECT_EQ(out_.items(), (std::vector<std::vector<int>>{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}}));
  EXPECT_EQ(done.ledger.acknowledged, 10U);
}

TEST_F(Batch, OfAFullStreamLeavesNoEmptyOneAtTheEnd) {
  run(batches_of(numbers(8), {.size_max = 4, .delay_max = 1h}));
  EXPECT_EQ(sizes(out_.items()), (std::vector<std::size_t>{4, 4}));
}

TEST_F(Batch, OfNothingIsNone) {
  run(batches_of(numbers(0), {.size_max = 4, .delay_max = 0ms}));
  EXPECT_TRUE(out_.items().empty());
}

TEST_F(Batch, GoesOnWhenItsFirstItemIsOldEnough) {
  source_probe<int> hand;
  running r{batches_of(hand, {.size_max = 100, .delay_max = 1ms})};
  hand.push(1, 2, 3);
  r.pass(1ms);
  EXPECT_EQ(out_.size(), 1U);
  hand.push(4);
  r.pass(1ms);
  EXPECT_EQ(out_.size(), 2U);
  hand.complete();
  r.finishes();
  EXPECT_EQ(out_.items(), (std::vector<std::vector<int>>{{1, 2, 3}, {4}}));
}

TEST_F(Batch, WaitsForItsDelayAcrossSeveralArrivals) {
  source_probe<int> hand;
  running r{batches_of(hand, {.size_max = 4, .delay_max = 1h})};
  for (int n : {1, 2, 3}) {
    hand.push(n);
    r.settle();
    EXPECT_EQ(r.stage("batch").processed, static_cast<unsigned>(n));
  }
  hand.push(4, 5);
  r.settle();
  EXPECT_EQ(out_.size(), 1U);
  hand.complete();
  r.finishes();
  EXPECT_EQ(out_.items(), (std::vector<std::vector<int>>{{1, 2, 3, 4}, {5}}));
}

TEST_F(Batch, IsFlushedByADrain) {
  source_probe<int> hand;
  running r{batches_of(hand, {.size_max = 100, .delay_max = 1h})};
  hand.push(1, 2);
  r.settle();
  EXPECT_EQ(r.stage("batch").processed, 2U);
  EXPECT_EQ(r.ledger().in_flight, 2U);
  r->drain();
  r.finishes();
  EXPECT_EQ(out_.items(), (std::vector<std::vector<int>>{{1, 2}}));
}

TEST_F(Batch, WithoutADelayTakesWhatIsThere) {
  run(batches_of(numbers(1000), {.size_max = 7, .delay_max = 0ms}));
  EXPECT_EQ(joined(out_.items()), up_to(1000));
  for (auto size : sizes(out_.items())) {
    EXPECT_GE(size, 1U);
    EXPECT_LE(size, 7U);
  }
}

TEST_F(Batch, KeepsEveryItemInOrderWhateverTheCapacities) {
  for (std::uint32_t capacity : {5U, 7U, 64U}) {
    collected<std::vector<int>> out;
    weir::pipeline p{"batches"};
    p.from("source", numbers(1001))
        .batch("batch", {.size_max = 5, .delay_max = 1h, .mailbox_capacity = capacity})
        .to("sink", [out](const batch<int>& all) noexcept { out.add(all.items); },
            {.mailbox_capacity = 1});
    run(std::move(p));
    EXPECT_EQ(joined(out.items()), up_to(1001));
    EXPECT_EQ(out.items().size(), 201U);
  }
}

TEST_F(Batch, OfOneIsEveryItemAlone) {
  run(batches_of(numbers(3), {.size_max = 1, .mailbox_capacity = 1}));
  EXPECT_EQ(out_.items(), (std::vector<std::vector<int>>{{0}, {1}, {2}}));
}

TEST_F(Batch, CanBeBatchedAgain) {
  collected<std::string> out;
  weir::pipeline p{"batches"};
  p.from("source", numbers(10))
      .batch("rows", {.size_max = 2, .delay_max = 1h})
      .batch("pages", {.size_max = 2, .delay_max = 1h})
      .to("sink", [out](const batch<batch<int>>& page) noexcept {
        std::string text;
        for (const auto& row : page.items) {
          for (auto n : row.items)
            text += std::to_string(n);
          text += '|';
        }
        out.add(text);
      });
  const auto done = run(std::move(p));
  EXPECT_EQ(out.items(), (std::vector<std::string>{"01|23|", "45|67|", "89|"}));
  EXPECT_EQ(done.ledger.acknowledged, 10U);
}

TEST_F(Batch, IsSettledItemByItemWhereverItEnds) {
  collected<int> out;
  weir::dead_letters::memory letters;
  weir::pipeline p{"batches"};
  p.from("source", numbers(100))
      .batch("batch", {.size_max = 10, .delay_max = 1h})
      .via("half",
           [](batch<int> all) -> weir::result<std::optional<batch<int>>> {
             if (all.items.front() == 50)
               return weir::poison("the fifties");
             if (all.items.front() < 50)
               return std::optional<batch<int>>{};
             return std::optional{std::move(all)};
           })
      .via("apart", [](const batch<int>& all) { return all.items; })
      .to("sink", out.sink());
  p.dead_letters_to(letters);
  const auto done = run(std::move(p));
  EXPECT_EQ(out.items(), up_to(100, [](int n) { return n >= 60; }));
  EXPECT_EQ(done.ledger,
            (weir::ledger_totals{
                .admitted = 100, .acknowledged = 40, .filtered = 50, .dead_lettered = 10}));
  ASSERT_EQ(letters.letters().size(), 1U);
  EXPECT_EQ(letters.letters().front().payload, "50\n51\n52\n53\n54\n55\n56\n57\n58\n59\n");
  EXPECT_EQ(letters.letters().front().position, 51U);
}

TEST_F(Batch, OfABroadcastIsSettledOnceAllCopiesAre) {
  collected<std::vector<int>> left;
  collected<std::vector<int>> right;
  weir::pipeline p{"batches"};
  auto [a, b] =
      p.from("source", numbers(30)).batch("batch", {.size_max = 4, .delay_max = 1h}).broadcast<2>();
  std::move(a).to("left", [left](const batch<int>& all) noexcept { left.add(all.items); });
  std::move(b).to("right", [right](const batch<int>& all) noexcept { right.add(all.items); });
  const auto done = run(std::move(p));
  EXPECT_EQ(joined(left.items()), up_to(30));
  EXPECT_EQ(right.items(), left.items());
  EXPECT_EQ(done.ledger.acknowledged, 30U);
}

TEST_F(Batch, GoesOnBehindAnItemThatClosesIt) {
  source_probe<int> hand;
  weir::pipeline p{"batches"};
  p.from("source", hand)
      .batch("batch", {.size_max = 3, .delay_max = 1s},
             [](const int& n) noexcept { return n % 10 == 0; })
      .to("sink", [out = out_](const batch<int>& all) noexcept { out.add(all.items); });
  running r{std::move(p)};
  hand.push(1, 10, 20, 2, 3);
  r.pass(0ms);
  EXPECT_EQ(out_.items(), (std::vector<std::vector<int>>{{1, 10}, {20}}));
  r.pass(999ms);
  EXPECT_EQ(out_.size(), 2U);
  r.pass(1ms); // the delay counts from the first item behind the one that closed
  EXPECT_EQ(out_.items().back(), (std::vector<int>{2, 3}));
  hand.push(4, 5, 6, 30);
  hand.complete();
  r.finishes();
  EXPECT_EQ(joined(out_.items()), (std::vector<int>{1, 10, 20, 2, 3, 4, 5, 6, 30}));
  EXPECT_EQ(sizes(out_.items()), (std::vector<std::size_t>{2, 1, 2, 3, 1}));
}

struct page {
  int number = 0;
  bool last = false;
};
std::string weir_payload(const page& one) { return std::to_string(one.number); }

TEST_F(Batch, ClosedByAMemberNeedsNoDeadLetters) {
  weir::pipeline p{"batches"};
  p.from("source", counted{10,
                           [](std::size_t n) {
                             return page{static_cast<int>(n), n % 4 == 3};
                           }})
      .batch("document", {.size_max = 100, .delay_max = 1h}, &page::last)
      .to("sink", [out = out_](const batch<page>& all) noexcept {
        std::vector<int> pages;
        for (const auto& one : all.items)
          pages.push_back(one.number);
        out.add(pages);
      });
  EXPECT_EQ(p.validate(), std::vector<std::string>{});
  running{std::move(p)}.finishes();
  EXPECT_EQ(out_.items(), (std::vector<std::vector<int>>{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}}));
}

TEST_F(Batch, AnItemThatCantBeJudgedBecomesADeadLetterAloneAndTheOthersGoOn) {
  weir::dead_letters::memory letters;
  weir::pipeline p{"batches", restarting()};
  p.from("source", numbers(10))
      .batch("batch", {.size_max = 4, .delay_max = 1h},
             [](const int& n) {
               if (n == 2 || n == 9)
                 throw std::runtime_error{"can't tell"};
               return n == 6;
             })
      .to("sink", [out = out_](const batch<int>& all) noexcept { out.add(all.items); });
  EXPECT_EQ(p.validate().size(), 1U); // it may fail, but has no dead letters
  p.dead_letters_to(letters);
  running r{std::move(p)};
  r.finishes();
  EXPECT_EQ(out_.items(), (std::vector<std::vector<int>>{{0, 1, 3, 4}, {5, 6}, {7, 8}}));
  EXPECT_EQ(r.ledger(),
            (weir::ledger_totals{.admitted = 10, .acknowledged = 8, .dead_lettered = 2}));
  ASSERT_EQ(letters.letters().size(), 2U);
  EXPECT_EQ(letters.letters().front().stage, "batch");
  EXPECT_EQ(letters.letters().front().payload, "2");
  EXPECT_EQ(letters.letters().front().position, 3U);
  EXPECT_EQ(letters.letters().front().attempts, 3U);
}

/// Notes what a sink may store as the source's position with each batch.
struct noting {
  using input = batch<int>;
  collected<std::string> notes;

  weir::result<weir::batch_outcome> on_batch(const input& all, weir::context& where) {
    std::string note = std::to_string(all.items.back()) + "@";
    for (const auto& point : where.points())
      note += point.partition + ":" + std::to_string(point.position);
    notes.add(note);
    return weir::batch_outcome{};
  }
};

TEST_F(Batch, SaysWhereToResumeOnceItIsStored) {
  noting sink;
  weir::dead_letters::memory letters;
  weir::pipeline p{"batches"};
  p.from("source", numbers(10)).batch("batch", {.size_max = 4, .delay_max = 1h}).to("sink", sink);
  p.dead_letters_to(letters);
  run(std::move(p));
  EXPECT_EQ(sink.notes.items(),
            (std::vector<std::string>{"3@source:4", "7@source:8", "9@source:10"}));
}

} // namespace
