#pragma once

#include <weir/actors/actor.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace weir::testkit {

/// The workers that hold a probe's copies, for the copy in the test to wake.
class wake_list {
public:
  void wake() const {
    for (auto* const one : *workers_)
      one->wake();
  }

  /// Lies in a probe's copy: puts the worker that holds it on the list, and takes it off once the copy is gone. A copy of
  /// this is on no list yet.
  class place {
  public:
    place() = default;
    place(const place&) noexcept {}
    // NOLINTNEXTLINE(bugprone-unhandled-self-assignment): it assigns nothing
    place& operator=(const place&) noexcept { return *this; }
    ~place() {
      if (workers_)
        workers_->erase(std::ranges::find(*workers_, worker_));
    }

    void take(const wake_list& in, waker& worker) {
      if (workers_)
        return;
      in.workers_->push_back(&worker);
      workers_ = in.workers_;
      worker_ = &worker;
    }

  private:
    std::shared_ptr<std::vector<waker*>> workers_;
    waker* worker_ = nullptr;
  };

private:
  std::shared_ptr<std::vector<waker*>> workers_ = std::make_shared<std::vector<waker*>>();
};

} // namespace weir::testkit
