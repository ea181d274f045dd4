#pragma once

#include <weir/supervision/failure.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace weir::internal {

/// Whom a worker tells what became of it. Called from the worker's turns.
class worker_observer {
public:
  /// The worker ended by a failure and waits to be started again.
  virtual void worker_failed(std::size_t index, std::uint32_t charge, failure why) = 0;
  /// The worker stopped as it was told to and waits to be started again.
  virtual void worker_stopped(std::size_t index) = 0;
  /// An item succeeded after failures.
  virtual void worker_recovered(std::size_t index) = 0;
  /// The worker has had its last turn but for the return from this call; `crash` says why if by a defect.
  virtual void worker_finished(std::size_t index, std::optional<failure> crash) = 0;

protected:
  ~worker_observer() = default;
};

} // namespace weir::internal
