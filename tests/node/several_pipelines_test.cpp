#include <weir/actors/sleep.hpp>
#include <weir/dead_letters/dead_letter_memory.hpp>
#include <weir/node/node.hpp>
#include <weir/node/report.hpp>
#include <weir/pipeline/pipeline.hpp>
#include <weir/stages/awaitable.hpp>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

/// A node with two pipelines, one of which fails. Each test is a process of its own.
namespace {

using namespace std::chrono_literals;

/// Goes on until it is told to stop.
struct endless {
  using output = int;
  int next = 0;

  weir::source_state poll(weir::intake<int>& in, weir::context&) {
    for (; in.room() > 0; ++next)
      in.put(next);
    return weir::source_state::more;
  }
};

/// Gives up once the other one has taken something.
weir::pipeline broken(std::shared_ptr<std::atomic<bool>> other_runs) {
  weir::pipeline made{"broken", {.supervision = {.intensity = 0}}};
  made.from("numbers", endless{})
      .via("stage",
           [other_runs](int n) -> weir::result<int> {
             other_runs->wait(false);
             return n < 0 ? weir::result<int>{n} : weir::fatal("out of order");
           })
      .to("sink", [](const int&) noexcept {});
  made.dead_letters_to(weir::dead_letters::memory{});
  return made;
}

template <class Stage>
weir::pipeline healthy(Stage stage, weir::stage_options options) {
  weir::pipeline made{"healthy"};
  made.from("numbers", endless{})
      .via("stage", std::move(stage), options)
      .to("sink", [](const int&) noexcept {});
  made.dead_letters_to(weir::dead_letters::memory{});
  return made;
}

/// Runs both, and exits with 0 if that ended in time with what is left in flight as expected.
void run(std::chrono::milliseconds drain_timeout, bool drains, weir::pipeline other,
         std::shared_ptr<std::atomic<bool>> other_runs) {
  weir::node_settings settings;
  settings.threads = 2;
  settings.progress = "never";
  settings.drain_timeout = drain_timeout;
  weir::node node{settings};
  std::vector<weir::pipeline> both;
  both.push_back(broken(std::move(other_runs)));
  both.push_back(std::move(other));
  const auto code = node.run(std::move(both));
  const auto& ended = node.report();
  std::cerr << ended.outcome.sentence << '\n';
  const auto left = ended.pipelines.at(1).ledger.in_flight;
  std::_Exit(code == weir::exit_codes::failed && (left == 0) == drains ? 0 : 100 + code);
}

class SeveralPipelines : public testing::Test {
protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  std::shared_ptr<std::atomic<bool>> runs = std::make_shared<std::atomic<bool>>(false);
};

TEST_F(SeveralPipelines, AreDrainedWhenOneGivesUp) {
  const auto stage = [runs = runs](int n) {
    runs->store(true);
    runs->notify_all();
    return n;
  };
  EXPECT_EXIT(run(1h, true, healthy(stage, {}), runs), testing::ExitedWithCode(0),
              "a pipeline failed: draining the others(.|\n)*failed: pipeline 'broken'");
}

/// Somebody who reads the log on standard error, and sends signals at what is written there.
void read_the_log() {
  int ends[2];
  if (::pipe(ends) != 0)
    std::_Exit(99);
  const int shown = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread{[from = ends[0], shown] {
    std::string log;
    const auto answer = [&log](std::string_view to, int signal) {
      if (const auto place = log.find(to); place != std::string::npos) {
        log.erase(0, place + to.size());
        ::kill(::getpid(), signal);
      }
    };
    char some[4096];
    for (ssize_t size = 0; (size = ::read(from, some, sizeof some)) > 0;) {
      if (::write(shown, some, static_cast<std::size_t>(size)) != size)
        std::_Exit(98);
      log.append(some, static_cast<std::size_t>(size));
      answer("draining the others", SIGINT);
      answer("draining already; once more aborts", SIGTERM);
    }
  }}.detach();
}

TEST_F(SeveralPipelines, ThatDrainAlreadyAnswerTheFirstSignalAndAreAbortedByTheSecond) {
  const auto stage = [runs = runs](const int& n) -> boost::asio::awaitable<int> {
    runs->store(true);
    runs->notify_all();
    co_await weir::sleep_for(1h);
    co_return n;
  };
  EXPECT_EXIT(
      {
        read_the_log();
        run(1h, false, healthy(stage, {}), runs);
      },
      testing::ExitedWithCode(0), "draining already; once more aborts");
}

TEST_F(SeveralPipelines, AreAbortedWhenTheirDrainTakesTooLong) {
  const auto stage = [runs = runs](const int& n) -> boost::asio::awaitable<int> {
    runs->store(true);
    runs->notify_all();
    co_await weir::sleep_for(1h);
    co_return n;
  };
  EXPECT_EXIT(run(50ms, false, healthy(stage, {}), runs), testing::ExitedWithCode(0),
              "the drain took too long: aborting(.|\n)*failed: pipeline 'broken'");
}

} // namespace
