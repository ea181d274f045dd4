#include "../running.hpp"

#include <weir/actors/runtime_virtual.hpp>
#include <weir/actors/token_bucket.hpp>
#include <weir/stages/worker.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

/// How many items a worker takes at a time, after a start and after a restart.
namespace {

using weir::result;
using weir::internal::slice_result;

/// Takes all that it may, and fails when told to.
class scripted : public weir::internal::stepper {
public:
  result<void> rebuild(weir::context&) override { return {}; }
  slice_result step(std::size_t budget, weir::internal::worker& self) override {
    budgets.push_back(budget);
    if (std::exchange(fails, false))
      return weir::internal::failed_with(weir::fatal("ouch"), 0);
    if (steps-- == 0)
      return {.what = slice_result::state::waiting, .for_input = true};
    (void)self;
    return {.items = budget};
  }
  std::vector<std::size_t> budgets;
  std::size_t steps = 0;
  bool fails = false;
};

struct observer : weir::internal::worker_observer {
  void worker_failed(std::size_t, std::uint32_t, weir::failure) override { ++failed; }
  void worker_stopped(std::size_t) override {}
  void worker_recovered(std::size_t) override { ++recovered; }
  void worker_finished(std::size_t, std::optional<weir::failure>) override {}
  int failed = 0;
  int recovered = 0;
};

class SlowStart : public testing::Test {
protected:
  /// Gives the worker a turn in which it takes `steps` slices.
  std::vector<std::size_t> slices(std::size_t steps) {
    steps_->budgets.clear();
    steps_->steps = steps;
    (void)worker_.turn();
    return {steps_->budgets.begin(),
            steps_->budgets.begin()
                + static_cast<std::ptrdiff_t>(std::min(steps, steps_->budgets.size()))};
  }
  void crash() {
    steps_->fails = true;
    (void)worker_.turn();
  }

  weir::virtual_runtime node_;
  weir::internal::pipeline_services services_{
      .node = node_, .pipeline = "p", .books = {}, .dead_letters = nullptr, .stopping = {}};
  observer seen_;
  weir::internal::stage_limits limits_{{}};
  weir::internal::token_bucket permits_{{}, node_.now()};
  scripted* steps_ = new scripted; // the worker's
  weir::internal::worker worker_{
      "stage", services_, seen_,   0,        "stage",
      0,       {},        limits_, permits_, std::unique_ptr<weir::internal::stepper>{steps_}};
};

TEST_F(SlowStart, AfterARestartTakesOneItemAndTwiceAsManyEachTimeAllGoesWell) {
  worker_.start();
  EXPECT_EQ(slices(3), (std::vector<std::size_t>{32, 64, 128})) << "the first start is no restart";
  crash();
  EXPECT_EQ(seen_.failed, 1);
  worker_.start();
  EXPECT_EQ(slices(5), (std::vector<std::size_t>{1, 2, 4, 8, 16}));
  EXPECT_EQ(seen_.recovered, 1);
}

TEST_F(SlowStart, BeginsAnewWithEveryCrash) {
  worker_.start();
  EXPECT_EQ(slices(2), (std::vector<std::size_t>{32, 64}));
  for (int crashes = 0; crashes < 3; ++crashes) {
    crash();
    worker_.start();
    EXPECT_EQ(slices(3), (std::vector<std::size_t>{1, 2, 4}));
  }
}

TEST_F(SlowStart, AWorkerThatIsDownTakesNothing) {
  worker_.start();
  (void)slices(1);
  crash();
  EXPECT_EQ(slices(3), std::vector<std::size_t>{});
}

/// Items that a stage still begins after it was aborted in the midst of a slice that had grown long. `add` adds the
/// stage, which is to call its third argument with each item.
template <class Add>
std::size_t begun_after_an_abort(Add add) {
  constexpr std::size_t aborted_at = 15'000;
  std::size_t begun = 0;
  weir::virtual_runtime node;
  std::unique_ptr<weir::running_pipeline> r;
  weir::pipeline p{"long-slices"};
  add(p.from("numbers", weir_test::numbers(100'000)), [&] {
    if (++begun == aborted_at)
      r->abort();
  });
  r = std::make_unique<weir::running_pipeline>(std::move(p), node);
  EXPECT_TRUE(r->start());
  node.run_until_idle();
  EXPECT_EQ(r->wait(), weir::running_pipeline::state::failed);
  return begun - aborted_at;
}

TEST(Slice, OfItemsThatAreRunStraightFromSlotToSlotEndsSoonAfterAnAbort) {
  EXPECT_LE(begun_after_an_abort([](auto from, auto begins) {
              std::move(from)
                  .via("stage",
                       [begins](int n) noexcept {
                         begins();
                         return n;
                       },
                       {.mailbox_capacity = 10'000})
                  .to("sink", [](const int&) noexcept {}, {.mailbox_capacity = 10'000});
            }),
            64U);
}

TEST(Slice, OfABatcherWithAPredicateEndsWithAnAbort) {
  EXPECT_EQ(begun_after_an_abort([](auto from, auto begins) {
              std::move(from)
                  .batch("batch", {.size_max = 10'000, .mailbox_capacity = 10'000},
                         [begins](const int&) noexcept {
                           begins();
                           return false;
                         })
                  .to("sink", [](const weir::batch<int>&) noexcept {});
            }),
            0U);
}

} // namespace
