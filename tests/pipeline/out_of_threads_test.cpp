#include "../running.hpp"

#include <weir/actors/runtime.hpp>
#include <weir/actors/supervisor.hpp>
#include <weir/pipeline/pipeline_child.hpp>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <pthread.h>

/// What is left in order when a pipeline's actors can't all be spawned, whichever is the first that can't be.
namespace {

constexpr std::int64_t plenty = INT64_MAX;
std::atomic<std::int64_t> threads_left = plenty;

} // namespace

// Every thread is begun here; a limit of the system does not hold for everybody.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*run)(void*),
                              void* with) {
  using begin = int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static auto* const next = reinterpret_cast<begin*>(::dlsym(RTLD_NEXT, "pthread_create"));
  return threads_left.fetch_sub(1) > 0 ? next(thread, how, run, with) : EAGAIN;
}

namespace {

using namespace weir_test;
using state = weir::running_pipeline::state;
using testing::EndsWith;
using testing::HasSubstr;

class OutOfThreads : public testing::Test {
protected:
  ~OutOfThreads() override { threads_left = plenty; }

  /// Two endless sources, of which one may begin before the other can't.
  weir::pipeline orders() const {
    const weir::stage_options own{.execution = weir::execution::own_thread};
    weir::pipeline p{"orders", restarting()};
    auto today = p.from("today", numbers(SIZE_MAX), own);
    p.merge(std::move(today), p.from("older", numbers(SIZE_MAX), own))
        .via("check",
             [](int n) -> weir::result<int> {
               if (n % 10 == 3)
                 return weir::poison("three");
               return n;
             },
             {.workers = 2, .mailbox_capacity = 16, .execution = weir::execution::own_thread})
        .to("sink", out_.sink(), own);
    p.dead_letters_to(letters_);
    return p;
  }
  /// In the order in which they are spawned; the first one is on the scheduler, the others have threads.
  const std::vector<std::string> actors_{"orders",  "dead-letters", "replay", "sink",
                                         "check/1", "check/0",      "older",  "today"};

  void does_not_start(weir::runtime& node, const std::string& actor, const std::string& why) {
    std::atomic<int> told = 0;
    weir::running_pipeline r{orders(), node, {.ended = [&told] { ++told; }}};
    const auto started = r.start();
    ASSERT_FALSE(started) << actor;
    EXPECT_EQ(started.error().kind, weir::failure_kind::fatal);
    EXPECT_THAT(started.error().message(),
                testing::StartsWith("pipeline 'orders' can't be started ← '" + actor
                                    + "' can't be given its turns ← "));
    EXPECT_THAT(started.error().message(), HasSubstr(why));
    EXPECT_TRUE(r.workers_have_finished()) << actor;
    EXPECT_EQ(r.wait(), state::failed);
    EXPECT_EQ(r.why().message(), started.error().message());
    EXPECT_TRUE(r.snapshot().ledger.balanced()) << to_string(r.snapshot());
    EXPECT_FALSE(r.replay());
    EXPECT_GE(told, 1);
    r.drain();
    r.abort();
  }

  collected<int> out_;
  weir::dead_letters::memory letters_;
};

TEST_F(OutOfThreads, APipelineStartsWithAllItsActorsOrNotAtAll) {
  for (std::size_t n = 0; n <= actors_.size(); ++n) {
    auto left = n;
    weir::virtual_runtime node{{}, {.spawn = [&left] {
                                 if (left-- == 0)
                                   throw std::bad_alloc{};
                               }}};
    if (n < actors_.size()) {
      does_not_start(node, actors_[n], "out of memory");
      continue;
    }
    weir::running_pipeline r{orders(), node};
    EXPECT_TRUE(r.start());
  }
}

TEST_F(OutOfThreads, WhatHadItsThreadAlreadyEndsToo) {
  for (std::size_t n = 1; n < actors_.size(); ++n) {
    weir::runtime node{{.threads = 2}};
    threads_left = static_cast<std::int64_t>(n) - 1;
    does_not_start(node, actors_[n], "Resource temporarily unavailable");
    threads_left = plenty;
  }
}

TEST_F(OutOfThreads, ASupervisorIsToldWhyItsPipelineDidNotStart) {
  const auto before = std::size_t{2}; // the tree, and the pipeline's host
  for (std::size_t n = 1; n < before + actors_.size(); ++n) {
    auto left = n;
    weir::virtual_runtime node{{}, {.spawn = [&left] {
                                 if (left-- == 0)
                                   throw std::bad_alloc{};
                               }}};
    weir::supervisor tree{
        node, "tree", {.children = {{.id = "orders", .start = weir::pipeline_child(node, [this] {
                                                       return orders();
                                                     })}}}};
    auto started = tree.start();
    EXPECT_EQ(tree.wait().reason, weir::exit_reason::failed);
    const auto why = started.get();
    ASSERT_FALSE(why);
    EXPECT_THAT(why.error().message(), EndsWith("out of memory (std::bad_alloc)"));
    const auto pipelines = n < before ? ""
                                      : "pipeline 'orders' can't be started ← '"
                                            + actors_[n - before] + "' can't be given its turns";
    EXPECT_THAT(why.error().message(), HasSubstr(pipelines));
  }
}

TEST_F(OutOfThreads, ASupervisorThatCouldNotStartCanBeStartedLater) {
  bool refuses = true;
  weir::virtual_runtime node{{}, {.spawn = [&refuses] {
                               if (refuses)
                                 throw std::bad_alloc{};
                             }}};
  weir::supervisor tree{node, "tree", {}};
  const auto refused = tree.start().get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(),
            "supervisor 'tree' can't start ← out of memory (std::bad_alloc)");
  EXPECT_EQ(tree.now_is(), weir::supervisor::state::idle);
  refuses = false;
  auto started = tree.start();
  node.run_until_idle();
  EXPECT_TRUE(started.get());
  tree.stop();
  EXPECT_EQ(tree.wait().reason, weir::exit_reason::normal);
}

} // namespace
