#include "../threads.hpp"

#include <weir/actors/thread_crew.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace {

using weir::internal::crew_job;
using weir::internal::thread_crew;

class job final : public crew_job {
public:
  explicit job(std::function<void()> what) : what_{std::move(what)} {}
  void carry_out() noexcept override { what_(); }

private:
  const std::function<void()> what_;
};

using jobs = std::vector<std::shared_ptr<crew_job>>;

TEST(ThreadCrew, CarriesOutEachJobOnce) {
  std::atomic<int> done = 0;
  {
    thread_crew crew{4};
    for (int run = 1; run <= 500; ++run) {
      jobs some;
      for (int k = 0; k < 4; ++k)
        some.push_back(std::make_shared<job>([&done] { ++done; }));
      crew.run(some);
      EXPECT_TRUE(some.empty());
      ASSERT_TRUE(weir_test::eventually([&] { return done == 4 * run; }));
    }
  }
  EXPECT_EQ(done, 2000);
}

TEST(ThreadCrew, NoJobWaitsBehindAnotherWhileAThreadIsFree) {
  const weir_test::gate all;
  thread_crew crew{8};
  jobs some;
  for (int k = 0; k < 8; ++k)
    some.push_back(std::make_shared<job>([&all] { all.pass(); }));
  crew.run(some);
  EXPECT_TRUE(all.wait_for(8));
  all.open();
}

TEST(ThreadCrew, AfterQuickJobsSlowOnesHaveAThreadEachToo) {
  std::atomic<int> done = 0;
  const weir_test::gate all;
  thread_crew crew{8};
  for (int run = 1; run <= 500; ++run) {
    jobs some;
    for (int k = 0; k < 8; ++k)
      some.push_back(std::make_shared<job>([&done] { ++done; }));
    crew.run(some);
    ASSERT_TRUE(weir_test::eventually([&] { return done == 8 * run; }));
  }
  jobs slow;
  for (int k = 0; k < 8; ++k)
    slow.push_back(std::make_shared<job>([&all] { all.pass(); }));
  crew.run(slow);
  EXPECT_TRUE(all.wait_for(8));
  all.open();
}

TEST(ThreadCrew, ItsEndWaitsForItsJobs) {
  std::atomic<int> done = 0;
  {
    thread_crew crew{2};
    jobs some;
    for (int k = 0; k < 2; ++k)
      some.push_back(std::make_shared<job>([&done] { ++done; }));
    crew.run(some);
  }
  EXPECT_EQ(done, 2);
}

TEST(ThreadCrew, NobodyWaitsForAnAbandonedJobAndAnotherThreadTakesItsPlace) {
  const weir_test::gate stuck;
  const auto over = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> next = false;
  {
    thread_crew crew{1};
    const auto first = std::make_shared<job>([stuck, over] {
      stuck.pass();
      *over = true;
    });
    jobs some{first};
    crew.run(some);
    ASSERT_TRUE(stuck.wait_for(1));
    crew.abandon(*first);
    some.push_back(std::make_shared<job>([&next] { next = true; }));
    crew.run(some);
  }
  EXPECT_TRUE(next);
  EXPECT_FALSE(*over);
  stuck.open();
  EXPECT_TRUE(weir_test::eventually([&] { return over->load(); }));
}

} // namespace
