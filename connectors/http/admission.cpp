#include <weir/connectors/http/admission.hpp>

#include <algorithm>
#include <utility>

namespace weir::http {

std::shared_ptr<admission::request> admission::offer(std::vector<text_event> events,
                                                     std::function<void()> settled) {
  auto made = std::make_shared<request>();
  made->events = std::move(events);
  made->settled = std::move(settled);
  const std::lock_guard lock{lock_};
  if (closed_) {
    made->state = state::refused;
    return made;
  }
  if (line_.size() >= waiting_max_)
    return nullptr;
  line_.push_back(made);
  if (source_ != nullptr)
    source_->wake(); // under the lock: the source can't go meanwhile
  return made;
}

admission::standing admission::look_at(const request& one) const {
  const std::lock_guard lock{lock_};
  return {one.state, one.put};
}

admission::standing admission::withdraw(const std::shared_ptr<request>& one, bool even_if_begun) {
  const std::lock_guard lock{lock_};
  if (one->state == state::waiting || (one->state == state::begun && even_if_begun)) {
    one->state = state::refused;
    std::erase(line_, one);
    if (source_ != nullptr)
      source_->wake(); // what is behind it may fit
  }
  return {one->state, one->put};
}

void admission::close() {
  std::deque<std::shared_ptr<request>> refused;
  {
    const std::lock_guard lock{lock_};
    closed_ = true;
    refused.swap(line_);
    for (const auto& one : refused)
      one->state = state::refused;
  }
  for (const auto& one : refused)
    one->settled();
}

bool admission::closed() const {
  const std::lock_guard lock{lock_};
  return closed_;
}

std::size_t admission::waiting() const {
  const std::lock_guard lock{lock_};
  return line_.size();
}

void admission::wakes(waker* source) {
  const std::lock_guard lock{lock_};
  source_ = source;
}

admission::left admission::hand_over(intake<text_event>& in, std::uint64_t last_position,
                                     const std::function<std::uint64_t()>& unsettled) {
  std::vector<std::shared_ptr<request>> admitted;
  auto what_is_left = left::nothing;
  {
    const std::lock_guard lock{lock_};
    const auto room_at_first = in.room();
    most_room_ = std::max(most_room_, room_at_first);
    // A turn may have less room than there is credit. What isn't in the pipeline isn't in the mailbox either.
    const auto credit = [&] {
      const auto gone = unsettled() + (room_at_first - in.room());
      return std::max<std::uint64_t>(in.room(), gone < most_room_ ? most_room_ - gone : 0);
    };
    const auto may_begin = [&](std::size_t events) {
      if (in.room() >= events)
        return true;
      return events <= most_room_ ? credit() >= events : 2 * credit() >= most_room_;
    };
    while (!line_.empty()) {
      auto& first = *line_.front();
      if (first.state == state::waiting) {
        if (!may_begin(first.events.size())) {
          what_is_left = left::unfitting;
          break;
        }
        first.state = state::begun;
      }
      for (; first.put < first.events.size() && in.room() > 0; ++first.put) {
        auto& event = first.events[first.put];
        event.number = ++last_position;
        in.put(std::move(event));
      }
      if (first.put < first.events.size()) {
        what_is_left = left::begun;
        break;
      }
      first.state = state::admitted;
      admitted.push_back(std::move(line_.front()));
      line_.pop_front();
    }
  }
  for (const auto& one : admitted)
    one->settled();
  return what_is_left;
}

} // namespace weir::http
