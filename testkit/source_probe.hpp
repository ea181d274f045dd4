#pragma once

#include <weir/stages/source.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/testkit/wake_list.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

namespace weir::testkit {

/// A source that the test pushes into. Copies share everything: one goes into the pipeline, one stays in the
/// test. For pipelines on a testkit::node.
///
/// ```
/// weir::testkit::source_probe<int> in;
/// numbers.from("in", in)…;
/// in.push(1, 2, 3);
/// in.complete();
/// ```
template <class T>
class source_probe {
public:
  using output = T;

  /// More items, for when there is credit.
  template <class... More>
  void push(T first, More... more) const {
    shared_->waiting.push_back(std::move(first));
    (shared_->waiting.push_back(T(std::move(more))), ...);
    shared_->workers.wake();
  }
  /// The end of the stream, behind what was pushed.
  void complete() const {
    shared_->complete = true;
    shared_->workers.wake();
  }
  /// The next poll fails, once: what was pushed stays.
  void fail(failure why) const {
    shared_->why = std::move(why);
    shared_->workers.wake();
  }

  /// Items that were pushed and have not found credit.
  std::size_t waiting() const { return shared_->waiting.size(); }
  /// Items that found credit.
  std::size_t taken() const { return shared_->taken; }
  /// How often the source was asked for items.
  std::size_t polls() const { return shared_->polls; }

  result<source_state> poll(intake<T>& in, context& where) {
    auto& here = *shared_;
    place_.take(here.workers, where.source_waker());
    ++here.polls;
    if (here.why)
      return std::move(*std::exchange(here.why, std::nullopt));
    for (; in.room() > 0 && !here.waiting.empty(); ++here.taken) {
      in.put(std::move(here.waiting.front()));
      here.waiting.pop_front();
    }
    if (!here.waiting.empty())
      return source_state::more;
    return here.complete ? source_state::done : source_state::wait;
  }

private:
  struct shared {
    std::deque<T> waiting;
    std::optional<failure> why;
    bool complete = false;
    std::size_t taken = 0;
    std::size_t polls = 0;
    wake_list workers;
  };

  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
  wake_list::place place_;
};

} // namespace weir::testkit
