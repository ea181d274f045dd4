#pragma once

#include <weir/supervision/dead_letter.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace weir::dead_letters {

/// Keeps dead letters in memory, at most `capacity` of them. A full store refuses: the stage that wants to
/// park waits, nothing is dropped. For tests, and for pipelines whose input can be read again.
/// Copies share what they keep, so that one copy can be given away and the other looked into.
class memory final : public dead_letter_store {
public:
  explicit memory(std::size_t capacity = 1000) : kept_{std::make_shared<kept>(capacity)} {}

  result<void> put(std::span<const dead_letter> letters) override;

  /// A copy of what is kept, in the order of arrival. Any thread.
  std::vector<dead_letter> letters() const;
  /// Makes room: forgets everything. Any thread.
  void clear();

private:
  struct kept {
    explicit kept(std::size_t most) : capacity{most} {}
    const std::size_t capacity;
    std::mutex lock;
    std::vector<dead_letter> letters; // guarded by lock
  };

  std::shared_ptr<kept> kept_;
};

} // namespace weir::dead_letters
