#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace weir::testkit {

/// Keeps what it is given, in order: for functions of stages and sinks to write down what they saw. Copies share
/// everything. Any thread.
///
/// ```
/// weir::testkit::collected<int> seen;
/// ….to("out", seen.sink());
/// ```
/// A sink_probe can do more, but it can fail: its pipeline needs dead letters.
template <class T>
class collected {
public:
  void add(T item) const {
    const std::lock_guard lock{shared_->lock};
    shared_->items.push_back(std::move(item));
  }
  std::vector<T> items() const {
    const std::lock_guard lock{shared_->lock};
    return shared_->items;
  }
  std::size_t size() const {
    const std::lock_guard lock{shared_->lock};
    return shared_->items.size();
  }

  /// A sink that can't fail, and keeps everything here.
  auto sink() const {
    return [kept = *this](const T& item) noexcept { kept.add(item); };
  }

private:
  struct shared {
    std::mutex lock; // guards what follows
    std::vector<T> items;
  };

  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
};

} // namespace weir::testkit
