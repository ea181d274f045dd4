#pragma once

#include <weir/actors/crew.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace weir::internal {

/// A crew of the system's threads, which take their jobs from one queue. What the threads need they share, so that one
/// can be left behind.
///
/// A thread is woken once for a run of jobs. One that comes for a job and finds more of them wakes the next thread before
/// it begins, so that no slow job holds up the others. Where jobs take less time than a wake that would only cost: then
/// a thread is on watch instead, which looks every millisecond whether jobs are still taken. A crew without jobs is asleep.
class thread_crew final : public crew {
public:
  explicit thread_crew(std::uint32_t threads_max);
  ~thread_crew() override;

  void run(std::vector<std::shared_ptr<crew_job>>& jobs) override;
  void abandon(crew_job& job) noexcept override;

private:
  struct member {
    std::thread thread;
    crew_job* job = nullptr; // in hand
    bool left_behind = false;
  };
  struct state;

  const std::shared_ptr<state> shared_;
};

} // namespace weir::internal
