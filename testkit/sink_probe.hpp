#pragma once

#include <weir/actors/sink.hpp>
#include <weir/supervision/failure.hpp>

#include <cstddef>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace weir::testkit {

/// A sink that the test looks into, and that takes no more than the test asks for. Copies share everything: one
/// goes into the pipeline, one stays in the test. For pipelines on a testkit::node.
///
/// ```
/// weir::testkit::sink_probe<int> out;
/// ….to("out", out);
/// node.settle();
/// EXPECT_EQ(out.take(), (std::vector{1, 2, 3}));
/// ```
template <class T>
class sink_probe {
public:
  using input = T;

  /// What `request` grants by hand is all it takes; otherwise it takes everything.
  static sink_probe on_request() {
    sink_probe made;
    made.shared_->requested = 0;
    return made;
  }

  /// Takes `count` more items.
  void request(std::size_t count) const {
    shared_->requested += count;
    if (shared_->sink != nullptr)
      shared_->sink->wake();
  }
  /// The next item fails so, once: then it is run again, parked, or whatever its failure leads to.
  void fail(failure why) const { shared_->failures.push_back(std::move(why)); }

  /// What came since the last call.
  std::vector<T> take() const { return std::exchange(shared_->items, {}); }
  /// What came and was not taken by the test.
  const std::vector<T>& items() const { return shared_->items; }
  /// Has the end of the stream come?
  bool completed() const { return shared_->completed; }

  std::size_t demand(context& where) {
    shared_->sink = &where.source_waker();
    return shared_->requested;
  }
  result<void> on_item(const T& item, context&) {
    auto& here = *shared_;
    if (!here.failures.empty()) {
      auto why = std::move(here.failures.front());
      here.failures.pop_front();
      return why;
    }
    here.items.push_back(item);
    if (here.requested != unlimited)
      --here.requested;
    return {};
  }
  result<void> on_drain(context&) {
    shared_->completed = true;
    return {};
  }

private:
  static constexpr auto unlimited = std::numeric_limits<std::size_t>::max();

  struct shared {
    std::size_t requested = unlimited;
    std::deque<failure> failures;
    std::vector<T> items;
    bool completed = false;
    waker* sink = nullptr;
  };

  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
};

} // namespace weir::testkit
