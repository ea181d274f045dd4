#pragma once

#include <weir/actors/runtime.hpp>

#include <cstdint>
#include <mutex>
#include <string>

namespace weir::internal {

/// Why the store of dead letters refused last, and when it is asked again.
///
/// Owner: the actor that asks the store; `text` is for any thread.
/// Invariants: the text is empty while the store works. The store is asked nothing before `retry_at`.
class store_trouble {
public:
  explicit store_trouble(runtime& node) : node_{node} {}

  void say(std::string what);
  std::string text() const;

  /// Puts the next try off by a back-off: the store has refused so often in a row.
  void put_off(std::uint32_t refusals);
  bool is_put_off() const { return node_.now() < retry_at_; }
  time_point retry_at() const noexcept { return retry_at_; }

private:
  runtime& node_;
  time_point retry_at_{};

  mutable std::mutex lock_; // guards what follows
  std::string text_;
};

} // namespace weir::internal
