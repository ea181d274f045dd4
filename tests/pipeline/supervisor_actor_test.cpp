#include "../running.hpp"

#include <weir/actors/runtime_virtual.hpp>
#include <weir/pipeline/supervisor_actor.hpp>

#include <stdexcept>

// The supervisor of a pipeline, and those who look on.

namespace {

using namespace weir_test;

TEST(SupervisorActor, CountsTheWorkersThatFinishAfterATurnOfItsOwnThrew) {
  weir::virtual_runtime node;
  int escalated = 0;
  int all_finished = 0;
  weir::internal::supervisor_actor one{
      "p",
      node,
      {},
      {{.id = "a"}, {.id = "b"}},
      {.worker_failed = [](const weir::failure&) { throw std::runtime_error{"no memory"}; },
       .escalated = [&](const weir::failure&) { ++escalated; },
       .all_finished = [&] { ++all_finished; }}};
  one.set_workers({nullptr, nullptr});
  node.spawn(one, weir::execution::shared);
  one.worker_failed(0, 1, weir::fatal("it broke"));
  node.run_until_idle();
  EXPECT_EQ(escalated, 1);
  one.worker_finished(1, {});
  EXPECT_EQ(all_finished, 0);
  one.worker_finished(0, {});
  EXPECT_EQ(all_finished, 1);
}

TEST(SupervisorActor, IsNotConcernedByAnObserverThatThrows) {
  weir::virtual_runtime node;
  collected<int> out;
  weir::pipeline p{"p"};
  p.from("source", numbers(10))
      .via("stage",
           [](int n) {
             if (n == 5)
               throw std::runtime_error{"five"};
             return n;
           })
      .to("sink", out.sink());
  p.dead_letters_to(weir::dead_letters::memory{});
  weir::running_pipeline running{
      std::move(p),
      node,
      {.worker_failed = [](const weir::failure&) { throw std::runtime_error{"no log"}; },
       .ended = [] { throw 42; }}};
  ASSERT_TRUE(running.start());
  EXPECT_EQ(running.wait(), weir::running_pipeline::state::finished);
  EXPECT_EQ(out.items().size(), 9U);
}

} // namespace
