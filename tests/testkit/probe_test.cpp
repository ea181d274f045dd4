#include <weir/testkit/testkit.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

using weir::testkit::node;
using weir::testkit::sink_probe;
using weir::testkit::source_probe;

namespace {

/// A source and a sink in the hands of the test.
class Probes : public testing::Test {
protected:
  weir::running_pipeline& run(std::uint32_t capacity = 4) {
    weir::pipeline p{"p"};
    p.from("in", in_).to("out", out_, {.mailbox_capacity = capacity});
    p.dead_letters_to(letters_);
    return here_.run(std::move(p));
  }

  node here_;
  source_probe<int> in_;
  sink_probe<int> out_ = sink_probe<int>::on_request();
  weir::dead_letters::memory letters_;
};

TEST_F(Probes, ASinkTakesNoMoreThanIsAskedFor) {
  run();
  in_.push(1, 2, 3, 4, 5, 6, 7);
  here_.settle();
  EXPECT_EQ(out_.items().size(), 0U);
  EXPECT_EQ(in_.taken(), 4U) << "the mailbox's capacity is the source's credit";
  EXPECT_EQ(in_.waiting(), 3U);
  out_.request(2);
  here_.settle();
  EXPECT_EQ(out_.take(), (std::vector{1, 2}));
  EXPECT_EQ(in_.waiting(), 1U);
  out_.request(10);
  here_.settle();
  EXPECT_EQ(out_.take(), (std::vector{3, 4, 5, 6, 7}));
}

TEST_F(Probes, ASinkSaysWhatCameInsteadOfWhatWasExpected) {
  run();
  in_.push(1, 2, 3);
  out_.request(9);
  here_.settle();
  const auto outcome = [this](const std::vector<int>& items) -> std::string {
    try {
      out_.expect(items);
      return "as expected";
    } catch (const std::logic_error& why) {
      return why.what();
    }
  };
  EXPECT_EQ(outcome({1, 2, 3}), "as expected");
  EXPECT_EQ(outcome({}), "as expected") << "what was expected is taken";
  in_.push(4, 5);
  here_.settle();
  EXPECT_EQ(outcome({4, 6, 7}), "expected [4, 6, 7], found [4, 5]; they differ from item 1 on");
  std::vector<int> many(22, 8);
  EXPECT_EQ(outcome(many), "expected [8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, "
                           "and 2 more], found []; they differ from item 0 on");
}

TEST_F(Probes, ASinkCompletesAlsoWithoutDemand) {
  auto& pipeline = run();
  in_.complete();
  here_.settle();
  EXPECT_TRUE(out_.completed());
  EXPECT_TRUE(pipeline.workers_have_finished());
}

TEST_F(Probes, ASinkThatIsToldToFailDoesSoOnce) {
  auto& pipeline = run();
  out_.request(9);
  out_.fail(weir::poison("bad"));
  in_.push(1, 2);
  in_.complete();
  here_.finish(pipeline);
  EXPECT_EQ(out_.items(), (std::vector{2}));
  ASSERT_EQ(letters_.letters().size(), 1U);
  EXPECT_EQ(letters_.letters()[0].payload, "1");
}

TEST_F(Probes, ASourceThatIsToldToFailIsAskedAgain) {
  auto& pipeline = run();
  out_.request(9);
  in_.push(1);
  in_.fail(weir::transient("not now"));
  in_.complete();
  here_.finish(pipeline);
  EXPECT_EQ(out_.items(), (std::vector{1}));
  EXPECT_EQ(pipeline.snapshot().stages.at(0).failed, 1U);
}

TEST_F(Probes, ASinkFailsAndThrowsAsOftenAsItIsTold) {
  auto& pipeline = run();
  out_.request(9);
  out_.fail(weir::poison("bad"), 2);
  out_.raise(std::runtime_error{"worse"});
  in_.push(1, 2, 3);
  in_.complete();
  here_.finish(pipeline);
  EXPECT_EQ(out_.items(), (std::vector{3})) << "what throws is run again";
  EXPECT_EQ(letters_.letters().size(), 2U);
  EXPECT_EQ(pipeline.snapshot().stages.at(1).failed, 3U);
}

TEST_F(Probes, ASinkRejectsRowsOfABatchWithTheirReason) {
  const sink_probe<weir::batch<int>> out;
  weir::pipeline p{"p"};
  p.from("in", in_).batch("batch", {.size_max = 3}).to("out", out);
  p.dead_letters_to(letters_);
  auto& pipeline = here_.run(std::move(p));
  out.reject(2, weir::poison("no such column"));
  out.reject(0, weir::poison("no such row"));
  in_.push(1, 2, 3, 4, 5, 6);
  in_.complete();
  EXPECT_EQ(here_.finish(pipeline), weir::running_pipeline::state::finished);
  ASSERT_EQ(out.items().size(), 2U);
  EXPECT_EQ(out.items()[0].items, (std::vector{2}));
  EXPECT_EQ(out.items()[1].items, (std::vector{4, 5, 6}));
  ASSERT_EQ(letters_.letters().size(), 2U);
  EXPECT_EQ(letters_.letters()[0].payload, "1");
  EXPECT_EQ(letters_.letters()[1].payload, "3");
  EXPECT_EQ(letters_.letters()[1].why.message(), "no such column");
  EXPECT_EQ(pipeline.snapshot().ledger.acknowledged, 4U);
}

struct parcel {
  std::unique_ptr<int> inside;
};
std::string weir_payload(const parcel& one) { return std::to_string(*one.inside); }

TEST_F(Probes, CarryItemsThatCanOnlyBeMoved) {
  const source_probe<parcel> in;
  const sink_probe<parcel> out;
  const sink_probe<weir::batch<parcel>> rows;
  weir::pipeline p{"p"};
  auto [odd, even] = p.from("in", in).route([](const parcel& one) { return *one.inside % 2 == 1; });
  std::move(odd).to("out", out);
  std::move(even).batch("batch").to("rows", rows);
  p.dead_letters_to(letters_);
  auto& pipeline = here_.run(std::move(p));
  out.fail(weir::transient("once"));
  in.push(parcel{std::make_unique<int>(1)}, parcel{std::make_unique<int>(2)});
  in.complete();
  here_.finish(pipeline);
  const auto came = out.take();
  ASSERT_EQ(came.size(), 1U);
  EXPECT_EQ(*came[0].inside, 1);
  ASSERT_EQ(rows.items().size(), 1U);
  EXPECT_EQ(*rows.items()[0].items.at(0).inside, 2);
}

TEST_F(Probes, MayBeUsedAgainInAnotherLife) {
  const auto life = [this](node& of) {
    weir::pipeline p{"p"};
    p.from("in", in_).to("out", out_, {.mailbox_capacity = 1});
    p.dead_letters_to(letters_);
    of.run(std::move(p));
    of.settle();
  };
  in_.push(1);
  {
    node first;
    life(first);
    EXPECT_EQ(in_.taken(), 1U);
  }
  in_.push(2); // nobody is there to be woken
  out_.request(1);
  node second;
  life(second);
  EXPECT_EQ(out_.items(), (std::vector{2})) << "the first went down with its node";
}

} // namespace
