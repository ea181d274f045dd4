#include <weir/dead_letters/dead_letter_memory.hpp>
#include <weir/node/node.hpp>
#include <weir/pipeline/pipeline.hpp>

#include <condition_variable>
#include <mutex>

#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>
#include <unistd.h>

/// How a process ends that has left a stuck thread behind. Each test is a process of its own.
namespace {

using namespace std::chrono_literals;

struct numbers {
  using output = int;
  int next = 0;

  weir::source_state poll(weir::intake<int>& in, weir::context&) {
    for (; in.room() > 0 && next < 100; ++next)
      in.put(next);
    return next == 100 ? weir::source_state::done : weir::source_state::more;
  }
};

int stuck_on_seven(int n) {
  if (n == 7) {
    std::mutex lock;
    std::condition_variable never;
    std::unique_lock held{lock};
    never.wait(held, [] { return false; });
  }
  return n;
}

void run_a_node() {
  weir::pipeline stuck{"stuck"};
  stuck.from("numbers", numbers{})
      .via("stage", stuck_on_seven, {.item_time_max = 3s})
      .to("sink", [](const int&) noexcept {});
  stuck.dead_letters_to(weir::dead_letters::memory{});
  weir::node_settings settings;
  settings.threads = 1;
  settings.progress = "never";
  weir::node{settings}.run(std::move(stuck));
}

/// Is told to stop while its stage is in a call that never returns, which no limit was set for.
void run_a_node_that_hangs() {
  weir::pipeline stuck{"stuck"};
  stuck.from("numbers", numbers{})
      .via("stage",
           [](int n) {
             if (n == 7)
               ::kill(::getpid(), SIGTERM);
             return stuck_on_seven(n);
           })
      .to("sink", [](const int&) noexcept {});
  stuck.dead_letters_to(weir::dead_letters::memory{});
  weir::node_settings settings;
  settings.threads = 1;
  settings.progress = "never";
  settings.drain_timeout = 100ms;
  std::_Exit(weir::node{settings}.run(std::move(stuck)));
}

class StuckNode : public testing::Test {
protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(StuckNode, EndsWithoutTheThreadAndSaysSo) {
  EXPECT_EXIT(run_a_node(), testing::ExitedWithCode(0),
              "worker failed.*no progress for 3000 ms(.|\n)*"
              "an abandoned run still goes on.*worker=stage(.|\n)*finished and balanced");
}

TEST_F(StuckNode, NamesTheWorkerWhoseCallDoesNotReturn) {
  EXPECT_EXIT(run_a_node_that_hangs(), testing::ExitedWithCode(3),
              "the drain took too long: aborting(.|\n)*"
              "a call did not return.*worker=stage.*seconds=5");
}

} // namespace
