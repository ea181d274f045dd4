#pragma once

#include "../counting_waker.hpp"

#include <weir/actors/runtime_virtual.hpp>
#include <weir/actors/token_bucket.hpp>
#include <weir/mailbox/ring.hpp>
#include <weir/stages/batch.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/stages/worker.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

/// One stage between rings of which the test holds the other ends. The test gives every turn, and lets go on what
/// goes on outside of turns, so it sees what holds after each: no scheduler, no threads.
namespace by_hand {

using weir_test::counting_waker;

inline void flatten(int item, std::vector<int>& into) { into.push_back(item); }
inline void flatten(const weir::batch<int>& items, std::vector<int>& into) {
  into.insert(into.end(), items.items.begin(), items.items.end());
}

/// A ring that leads out of the stage, whatever its items are.
class outgoing {
public:
  virtual ~outgoing() = default;
  virtual weir::internal::ring_base& ring() = 0;
  virtual std::shared_ptr<weir::internal::ring_base> shared() = 0;
  /// Takes and settles up to `count` items.
  virtual std::vector<int> take(std::size_t count, weir::internal::acknowledgement& books) = 0;
};

template <class T>
class outgoing_of final : public outgoing {
public:
  explicit outgoing_of(std::size_t capacity)
      : ring_{std::make_shared<weir::internal::ring<T>>(capacity)} {}
  weir::internal::ring_base& ring() override { return *ring_; }
  std::shared_ptr<weir::internal::ring_base> shared() override { return ring_; }
  std::vector<int> take(std::size_t count, weir::internal::acknowledgement& books) override {
    std::vector<int> items;
    for (; count > 0 && ring_->available() > 0; --count) {
      const auto index = ring_->read_index();
      flatten(*ring_->value(index), items);
      books.settle(ring_->from(index), weir::outcome::acknowledged);
      ring_->release(1);
    }
    return items;
  }

private:
  std::shared_ptr<weir::internal::ring<T>> ring_;
};

/// A kind of stage: how it is made, and what belongs around it.
struct kind {
  std::string name;
  std::function<std::unique_ptr<weir::internal::stepper>(const weir::internal::ports&)> make;
  std::size_t inputs = 1;
  std::vector<std::size_t> rings_of_leg = {1}; ///< what leads out: rings for each flow
  weir::internal::spread how = weir::internal::spread::any;
  bool batches = false; ///< its outputs are batches
  bool waits = false;   ///< it works outside of its turns too
  /// What it should make of the items, in any order.
  std::function<std::vector<int>(const std::vector<int>&)> expected =
      [](const std::vector<int>& items) { return items; };
  weir::stage_options options = {};
};
inline std::ostream& operator<<(std::ostream& to, const kind& one) { return to << one.name; }

class stage final : public weir::internal::worker_observer {
public:
  stage(const kind& what, std::size_t capacity) : waits_{what.waits} {
    books().add_partition("hand", 0);
    weir::internal::ports where;
    for (std::size_t k = 0; k < what.inputs; ++k) {
      in_.push_back(std::make_shared<weir::internal::ring<int>>(capacity));
      in_.back()->set_producer(&upstream_);
      in_.back()->set_consumer(&woken_);
      where.in.push_back(in_.back());
    }
    for (const auto rings : what.rings_of_leg) {
      weir::internal::outlet_ports leg{.rings = {}, .how = what.how, .key = {}};
      if (what.how == weir::internal::spread::by_key)
        leg.key = std::make_shared<const std::function<std::size_t(const int&)>>(
            [](const int& n) { return static_cast<std::size_t>(n); });
      for (std::size_t k = 0; k < rings; ++k) {
        if (what.batches)
          out_.push_back(std::make_unique<outgoing_of<weir::batch<int>>>(capacity));
        else
          out_.push_back(std::make_unique<outgoing_of<int>>(capacity));
        out_.back()->ring().set_producer(&woken_);
        out_.back()->ring().set_consumer(&downstream_);
        leg.rings.push_back(out_.back()->shared());
      }
      where.out.push_back(std::move(leg));
    }
    auto steps = what.make(where);
    steps_ = steps.get();
    worker_ =
        std::make_unique<weir::internal::worker>("stage", services_, *this, 0, "stage", 0,
                                                 what.options, limits_, permits_, std::move(steps));
    worker_->start();
    ++woken_.woken;
  }

  ~stage() {
    if (!finished_) {
      worker_->abort();
      while (!finished_) {
        worker_->turn();
        go_on();
      }
    }
    node_.settle_io();
  }

  weir::internal::acknowledgement& books() { return services_.books; }
  const std::vector<std::shared_ptr<weir::internal::ring<int>>>& in() const { return in_; }
  std::vector<std::unique_ptr<outgoing>>& out() { return out_; }
  bool finished() const { return finished_; }
  const std::optional<weir::failure>& failed() const { return failed_; }
  counting_waker& upstream() { return upstream_; }
  counting_waker& downstream() { return downstream_; }

  /// Hands an item over; false without credit.
  bool push(int item, std::size_t ring = 0) {
    if (in_[ring]->credit(1) == 0)
      return false;
    const auto position = books().partition_at(0).last_admitted() + 1;
    books().partition_at(0).admit(position, 1);
    books().admitted(1);
    EXPECT_FALSE(in_[ring]->try_push(item, weir::internal::origin{0, position}));
    return true;
  }

  bool is_woken() const { return woken_.woken > 0; }

  /// One turn, if somebody woke it or it asked for it.
  void turn_if_woken() {
    if (!finished_ && is_woken())
      turn();
  }
  void turn() {
    woken_.woken = 0;
    const auto next = worker_->turn();
    // What goes on outside of turns wakes the worker itself, which nobody sees here.
    if (next.what == weir::activity::kind::again || (waits_ && !finished_))
      ++woken_.woken;
  }
  /// A piece of what goes on outside of turns, if anything does.
  void go_on() { node_.step(); }
  /// All of it.
  void wait_until_quiet() {
    while (!steps_->quiet())
      if (!node_.step())
        throw std::logic_error{"something goes on that nothing will end"};
  }
  /// Turns until it has nothing to do.
  void settle() {
    do {
      wait_until_quiet();
      turn_if_woken();
    } while (!finished_ && (!steps_->quiet() || (is_woken() && !waits_)));
    if (waits_) // for what ended before the last turn
      for (int k = 0; k < 3 && !finished_; ++k) {
        wait_until_quiet();
        turn();
      }
  }

private:
  void worker_failed(std::size_t, std::uint32_t, weir::failure why) override {
    failed_ = std::move(why);
  }
  void worker_stopped(std::size_t) override {}
  void worker_recovered(std::size_t) override {}
  void worker_finished(std::size_t, std::optional<weir::failure> crash) override {
    finished_ = true;
    if (crash)
      failed_ = std::move(crash);
  }

  const bool waits_;
  weir::virtual_runtime node_;
  weir::internal::pipeline_services services_{
      .node = node_, .pipeline = "by-hand", .books = {}, .dead_letters = nullptr, .stopping = {}};
  weir::internal::stage_limits limits_{{}};
  weir::internal::token_bucket permits_{{}, {}};
  counting_waker upstream_;
  counting_waker downstream_;
  counting_waker woken_;
  std::vector<std::shared_ptr<weir::internal::ring<int>>> in_;
  std::vector<std::unique_ptr<outgoing>> out_;
  weir::internal::stepper* steps_ = nullptr;
  std::unique_ptr<weir::internal::worker> worker_;
  bool finished_ = false;
  std::optional<weir::failure> failed_;
};

} // namespace by_hand
