#include <weir/actors/rate_limiter.hpp>
#include <weir/actors/virtual_time.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

using namespace std::chrono_literals;
namespace asio = boost::asio;
using clock_type = weir::clock;

namespace {

/// Coroutines that want permits, and the order and the times in which they got them.
class Limiter : public testing::Test {
protected:
  void spawn(const weir::rate_limiter& limiter, int who) {
    asio::co_spawn(io_, come(limiter, who), asio::detached);
  }
  /// Returns the signal that cancels it.
  asio::cancellation_signal& spawn_cancellable(const weir::rate_limiter& limiter, int who) {
    auto& signal = *signals_.emplace_back(std::make_unique<asio::cancellation_signal>());
    asio::co_spawn(io_, come(limiter, who),
                   asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr thrown) {
                     if (thrown)
                       ++aborted_;
                   }));
    return signal;
  }
  asio::awaitable<void> come(weir::rate_limiter limiter, int who) {
    co_await limiter.acquire();
    order_.push_back(who);
    times_.push_back(clock_type::now());
  }

  /// Everything that happens until then, each thing at its time.
  void pass(weir::virtual_time& time, weir::clock::duration how_much) {
    const auto end = time.now() + how_much;
    io_.restart();
    io_.poll();
    for (auto next = time.next_alarm(); next <= end; next = time.next_alarm()) {
      time.advance_to(next);
      io_.restart();
      io_.poll();
    }
    time.advance_to(end);
  }

  asio::io_context io_{1};
  std::vector<int> order_;
  std::vector<clock_type::time_point> times_;
  int aborted_ = 0;

private:
  std::vector<std::unique_ptr<asio::cancellation_signal>> signals_;
};

} // namespace

TEST_F(Limiter, WithoutALimitNobodyWaits) {
  const weir::rate_limiter free{weir::rate_limit{}};
  for (int who = 0; who < 1000; ++who)
    spawn(free, who);
  io_.poll();
  EXPECT_EQ(order_.size(), 1000U);
}

TEST_F(Limiter, PermitsAreGivenInTheOrderOfArrivalAndNotFasterThanTheRate) {
  weir::virtual_time time;
  const auto began = time.now();
  const weir::rate_limiter limiter{{.permits = 1000, .burst = 5}};
  std::vector<int> expected;
  for (int who = 0; who < 100; ++who) {
    spawn(limiter, who);
    expected.push_back(who);
  }
  pass(time, 1s);
  EXPECT_EQ(order_, expected);
  for (std::size_t n = 0; n < times_.size(); ++n) // the n-th permit of a bucket that was empty
    EXPECT_EQ(times_[n] - began, 1ms * static_cast<int>(n + 1)) << n;
  EXPECT_EQ(limiter.waiting(), 0U);
}

TEST_F(Limiter, WhoComesLaterDoesNotOvertakeWhoWaits) {
  weir::virtual_time time;
  const weir::rate_limiter limiter{{.permits = 100, .burst = 1}};
  spawn(limiter, 1);
  io_.poll();
  EXPECT_EQ(limiter.waiting(), 1U);
  time.advance_to(time.now() + 20ms); // a permit falls due, and nobody has noticed yet
  spawn(limiter, 2);
  pass(time, 1s);
  EXPECT_EQ(order_, (std::vector{1, 2}));
}

TEST_F(Limiter, WhoIsCancelledTakesNoPermitAndHoldsNobodyUp) {
  weir::virtual_time time;
  const auto began = time.now();
  const weir::rate_limiter limiter{{.permits = 10, .burst = 1}};
  auto& first = spawn_cancellable(limiter, 1);
  spawn(limiter, 2);
  auto& third = spawn_cancellable(limiter, 3);
  spawn(limiter, 4);
  io_.poll();
  EXPECT_EQ(limiter.waiting(), 4U);
  first.emit(asio::cancellation_type::terminal);
  third.emit(asio::cancellation_type::terminal);
  pass(time, 1s);
  ASSERT_EQ(order_, (std::vector{2, 4}));
  EXPECT_EQ(aborted_, 2);
  EXPECT_EQ(times_.back() - began, 200ms) << "two permits were needed, four would take 400 ms";
}

TEST_F(Limiter, APauseHoldsForAllWhoWaitAndWhoCome) {
  weir::virtual_time time;
  const weir::rate_limiter limiter{{.permits = 1000, .burst = 1}};
  spawn(limiter, 1);
  io_.poll();
  const auto pause = time.now() + 50ms;
  limiter.pause_until(pause);
  limiter.pause_until(pause - 40ms); // does not make it shorter
  spawn(limiter, 2);
  pass(time, 1s);
  EXPECT_EQ(order_, (std::vector{1, 2}));
  EXPECT_EQ(times_.front(), pause);
}

TEST_F(Limiter, APauseHoldsWithoutALimitToo) {
  weir::virtual_time time;
  const weir::rate_limiter free{weir::rate_limit{}};
  const auto pause = time.now() + 20ms;
  free.pause_until(pause);
  spawn(free, 1);
  spawn(free, 2);
  pass(time, 1s);
  ASSERT_EQ(order_, (std::vector{1, 2}));
  EXPECT_EQ(times_.front(), pause);
}

TEST_F(Limiter, ItMayBeDestroyedWhileSomebodyWaits) {
  {
    const weir::rate_limiter limiter{{.permits = 1, .per = 1h}};
    spawn(limiter, 1);
    spawn(limiter, 2);
    io_.poll();
  }
  SUCCEED() << "the coroutines go with their context";
}
