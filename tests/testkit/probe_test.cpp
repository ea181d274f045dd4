#include <weir/testkit/testkit.hpp>

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

} // namespace
