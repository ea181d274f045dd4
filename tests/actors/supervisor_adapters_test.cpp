#include "../threads.hpp"

#include <weir/actors/supervisor.hpp>
#include <weir/actors/thread_child.hpp>
#include <weir/pipeline/pipeline_child.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <stop_token>

#include <gmock/gmock.h>

// Threads and whole pipelines as children of a supervisor.

namespace {

using namespace weir_test;
using testing::HasSubstr;
using weir::exit_reason;
using weir::restart;
using weir::supervisor;
using kind = weir::child_answer::kind;
using state = supervisor::state;

weir::supervision_options quick(weir::strategy how = weir::one_for_one) {
  return {.strategy = how, .delays = {.delay_min = 0ms, .delay_max = 1ms}};
}

// --- threads -----------------------------------------------------------------------------------------

class SupervisorThread : public testing::Test {
protected:
  weir::runtime node_{{.threads = 2}};
};

/// Waits until it is told to stop.
void until_stopped(const std::stop_token& stop) {
  std::mutex lock;
  std::condition_variable_any stopped;
  std::unique_lock guard{lock};
  stopped.wait(guard, stop, [] { return false; });
}

TEST_F(SupervisorThread, IsAChildLikeAllOthers) {
  std::atomic<int> runs{0};
  gate broken;
  supervisor tree{
      node_,
      "tree",
      {.supervision = quick(),
       .children = {{.id = "worker", .start = weir::thread_child([&](const std::stop_token& stop) {
                                       if (++runs == 1) {
                                         broken.pass();
                                         throw 42;
                                       }
                                       until_stopped(stop);
                                       return weir::result<void>{};
                                     })}}}};
  ASSERT_TRUE(tree.start().get());
  EXPECT_EQ(tree.count_children().active, 1U);
  broken.open();
  EXPECT_TRUE(eventually([&] { return runs == 2; }));
  EXPECT_THAT(tree.which_child("worker")->last_failure.message(), HasSubstr("int"));
  tree.stop();
  EXPECT_EQ(tree.wait().reason, exit_reason::normal);
}

TEST_F(SupervisorThread, ThatReturnsHasEndedNormally) {
  supervisor tree{node_,
                  "tree",
                  {.auto_shutdown = weir::auto_shutdown::all_significant,
                   .children = {{.id = "once",
                                 .start = weir::thread_child(
                                     [](const std::stop_token&) { return weir::result<void>{}; }),
                                 .restart = restart::transient,
                                 .significant = true}}}};
  auto started = tree.start();
  EXPECT_EQ(tree.wait().reason, exit_reason::shutdown);
}

TEST_F(SupervisorThread, ThatDoesNotListenIsAbandoned) {
  const auto held = std::make_shared<gate>();
  const auto left = std::make_shared<std::atomic<bool>>(false);
  std::optional<supervisor> tree{
      std::in_place, node_, "tree",
      weir::supervisor_options{
          .children = {{.id = "deaf",
                        .start = weir::thread_child([held, left](const std::stop_token&) {
                          held->pass();
                          *left = true;
                          return weir::result<void>{};
                        }),
                        .shutdown = 1ms}}}};
  ASSERT_TRUE(tree->start().get());
  ASSERT_TRUE(held->wait_for(1));
  EXPECT_EQ(tree->terminate_child("deaf").get().what, kind::done);
  EXPECT_EQ(tree->count_children().abandoned, 1U);
  tree.reset(); // which does not wait for it
  EXPECT_FALSE(*left);
  held->open();
  EXPECT_TRUE(eventually([&] { return left->load(); }));
}

TEST_F(SupervisorThread, ThatIsToBeKilledIsAbandonedAndToldToStop) {
  const auto ended = std::make_shared<std::atomic<bool>>(false);
  supervisor tree{node_,
                  "tree",
                  {.children = {{.id = "session",
                                 .start = weir::thread_child([ended](const std::stop_token& stop) {
                                   until_stopped(stop);
                                   *ended = true;
                                   return weir::result<void>{};
                                 }),
                                 .shutdown = weir::shutdown::brutal_kill()}}}};
  ASSERT_TRUE(tree.start().get());
  EXPECT_EQ(tree.terminate_child("session").get().what, kind::done);
  EXPECT_TRUE(eventually([&] { return ended->load(); }));
  EXPECT_TRUE(eventually([&] { return tree.count_children().abandoned == 0; }));
}

TEST_F(SupervisorThread, LetsGoOfWhatItHoldsBeforeItsLastWord) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> seen = held;
  auto start = weir::thread_child(
      [held = std::move(held)](const std::stop_token&) { return weir::result<void>{}; });
  std::promise<bool> ended;
  gate last_word;
  auto born = start(weir::child_link{[&](const weir::internal::child_news&) {
    last_word.pass(); // until the copy in the spec is gone
    ended.set_value(seen.expired());
  }});
  start = {};
  last_word.open();
  EXPECT_TRUE(ended.get_future().get());
}

// Many children, many threads that ask for things: nothing is lost, nobody waits for ever.
TEST_F(SupervisorThread, ManyComeAndGoWhileOthersAsk) {
  supervisor tree{node_,
                  "tree",
                  {.supervision = {.strategy = weir::dynamic,
                                   .intensity = 100'000,
                                   .delays = {.delay_min = 0ms, .delay_max = 1ms}},
                   .children = {{.id = "child"}}}};
  ASSERT_TRUE(tree.start().get());
  std::atomic<int> deaths{0};
  const auto mortal = [&deaths](weir::child_link link) -> weir::start_answer {
    if (++deaths % 3 == 0)
      link.exited(weir::fatal("stillborn"));
    return weir::child{.stop = [link] { link.exited(exit_reason::shutdown); }};
  };
  std::vector<std::jthread> askers;
  std::atomic<int> unanswered{0};
  for (int k = 0; k < 4; ++k)
    askers.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        auto child = tree.start_child(mortal).get();
        if (!child || tree.terminate_child(child.child).get().what != kind::done)
          ++unanswered;
        (void)tree.which_children();
      }
    });
  askers.clear();
  EXPECT_EQ(unanswered, 0);
  EXPECT_TRUE(eventually([&] { return tree.count_children().specs == 0; }));
}

// --- pipelines ---------------------------------------------------------------------------------------

/// What outlives a pipeline: the rows it stored, and how far it has come.
struct kept_rows {
  std::mutex lock; // guards what follows
  std::vector<int> rows;
  std::uint64_t position = 0;
};

struct resuming_source {
  using output = int;
  std::shared_ptr<kept_rows> kept;
  std::size_t count = 100;
  std::size_t next = 0;

  std::uint64_t resume_after() const {
    const std::lock_guard guard{kept->lock};
    return kept->position;
  }
  void on_start(weir::context& where) { next = where.last_position(); }
  weir::source_state poll(weir::intake<int>& in, weir::context&) {
    for (; in.room() > 0 && next < count; ++next)
      in.put(static_cast<int>(next));
    return next == count ? weir::source_state::done : weir::source_state::more;
  }
};

/// Stores batches, with the position in the same breath.
struct storing_sink {
  using input = weir::batch<int>;
  std::shared_ptr<kept_rows> kept;
  std::function<void(int)> before = [](int) {};

  weir::result<weir::batch_outcome> on_batch(const input& all, weir::context& where) {
    before(all.items.back());
    const std::lock_guard guard{kept->lock};
    kept->rows.insert(kept->rows.end(), all.items.begin(), all.items.end());
    for (const auto& point : where.points())
      kept->position = point.position;
    return weir::batch_outcome{};
  }
};

weir::pipeline rows(const resuming_source& source, const storing_sink& sink) {
  weir::pipeline p{"rows", {.supervision = {.intensity = 0}}};
  p.from("source", source).batch("batch", {.size_max = 10, .delay_max = 1h}).to("sink", sink);
  p.dead_letters_to(weir::dead_letters::memory{});
  return p;
}

TEST(SupervisorPipeline, RunsToItsEndAsAChild) {
  weir::virtual_runtime node;
  const auto kept = std::make_shared<kept_rows>();
  supervisor tree{
      node,
      "tree",
      {.auto_shutdown = weir::auto_shutdown::any_significant,
       .children = {{.id = "rows",
                     .start = weir::pipeline_child(node, [kept] { return rows({kept}, {kept}); }),
                     .restart = restart::transient,
                     .significant = true}}}};
  auto started = tree.start();
  EXPECT_EQ(tree.wait().reason, exit_reason::shutdown);
  EXPECT_TRUE(started.get());
  EXPECT_EQ(kept->rows, up_to(100));
}

TEST(SupervisorPipeline, ThatGivesUpIsMadeAnewAndGoesOnBehindWhatWasStored) {
  weir::virtual_runtime node;
  const auto kept = std::make_shared<kept_rows>();
  int lives = 0;
  supervisor tree{node,
                  "tree",
                  {.supervision = quick(),
                   .auto_shutdown = weir::auto_shutdown::any_significant,
                   .children = {{.id = "rows",
                                 .start = weir::pipeline_child(
                                     node,
                                     [&lives, kept] {
                                       const auto life = ++lives;
                                       return rows({kept}, {kept, [life](int last) {
                                                              if (life == 1 && last > 50)
                                                                throw std::runtime_error{"broken"};
                                                            }});
                                     }),
                                 .restart = restart::transient,
                                 .significant = true}}}};
  auto started = tree.start();
  EXPECT_EQ(tree.wait().reason, exit_reason::shutdown);
  EXPECT_EQ(lives, 2);
  EXPECT_EQ(kept->rows, up_to(100)) << "once each, as rows and position are stored together";
}

TEST(SupervisorPipeline, IsDrainedWhenItIsStopped) {
  weir::virtual_runtime node;
  const source_probe<int> source;
  const auto out = sink_probe<int>::on_request();
  supervisor tree{
      node, "tree", {.children = {{.id = "p", .start = weir::pipeline_child(node, [source, out] {
                                                weir::pipeline p{"p"};
                                                p.from("source", source).to("sink", out);
                                                p.dead_letters_to(weir::dead_letters::memory{});
                                                return p;
                                              })}}}};
  auto started = tree.start();
  node.run_until_idle();
  ASSERT_TRUE(started.get());
  source.push(1, 2, 3);
  node.run_until_idle();
  tree.stop();
  node.run_until_idle();
  EXPECT_EQ(tree.now_is(), state::stopping) << "they are in its mailbox";
  out.request(3);
  EXPECT_EQ(tree.wait().reason, exit_reason::normal);
  EXPECT_EQ(out.items(), (std::vector{1, 2, 3}));
}

// It hangs in a call, which takes a thread.
TEST(SupervisorPipeline, ThatHangsIsLeftToItsNode) {
  weir::runtime node{{.threads = 2}};
  gate stuck;
  auto tree = std::make_unique<supervisor>(
      node, "tree",
      weir::supervisor_options{
          .children = {{.id = "p",
                        .start = weir::pipeline_child(
                            node,
                            [&stuck] {
                              weir::pipeline p{"p"};
                              p.from("source", numbers(1)).to("sink", [&stuck](int) noexcept {
                                stuck.pass();
                              });
                              return p;
                            }),
                        .shutdown = 1ms}}});
  ASSERT_TRUE(tree->start().get());
  ASSERT_TRUE(stuck.wait_for(1));
  tree->stop();
  EXPECT_TRUE(tree->wait_until(node.now() + patience));
  EXPECT_EQ(tree->count_children().abandoned, 1U);
  auto gone = std::async(std::launch::async, [&] { tree.reset(); });
  EXPECT_EQ(gone.wait_for(patience / 2), std::future_status::ready)
      << "before the gate's patience ends";
  stuck.open(); // which the node waits for
}

TEST(SupervisorPipeline, ThatCantStartIsAnAnswer) {
  weir::virtual_runtime node;
  supervisor tree{
      node, "tree", {.children = {{.id = "nothing", .start = weir::pipeline_child(node, [] {
                                                      return weir::pipeline{"nothing"};
                                                    })}}}};
  auto started = tree.start();
  EXPECT_EQ(tree.wait().reason, exit_reason::failed);
  EXPECT_THAT(started.get().error().message(), HasSubstr("pipeline 'nothing' can't run"));
}

// SUPX-10
TEST(SupervisorPipeline, OfASupervisorThatIsKilledComesBackAndReadsAgainWhatWasNotSettled) {
  weir::virtual_runtime node;
  const auto kept = std::make_shared<kept_rows>();
  supervisor* inner_ref = nullptr;
  int lives = 0;
  supervisor inner{node,
                   "inner",
                   {.auto_shutdown = weir::auto_shutdown::any_significant,
                    .children = {{.id = "rows",
                                  .start = weir::pipeline_child(node,
                                                                [&, kept] {
                                                                  const auto life = ++lives;
                                                                  return rows(
                                                                      {kept},
                                                                      {kept, [&, life](int last) {
                                                                         if (life == 1 && last > 50)
                                                                           inner_ref->kill();
                                                                       }});
                                                                }),
                                  .restart = restart::transient,
                                  .significant = true}}}};
  inner_ref = &inner;
  supervisor outer{
      node, "outer", {.supervision = quick(), .children = {inner.as_child(restart::transient)}}};
  auto started = outer.start();
  while (inner.now_is() != state::ended || lives < 2)
    ASSERT_TRUE(node.step() || node.advance_to_next_timer());
  EXPECT_EQ(outer.which_child("inner")->restarts, 1U);
  EXPECT_EQ(kept->rows, up_to(100));
}

} // namespace
