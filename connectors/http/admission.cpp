#include <weir/connectors/http/admission.hpp>

#include <chrono>
#include <utility>

namespace weir::http {

namespace {

using request = admission::request;

// Up to so many requests are asked about whenever something was settled: that takes a microsecond.
constexpr std::size_t few_requests = 64;
constexpr std::chrono::milliseconds look_every{1};

/// The room in which a request of so many events begins.
std::size_t room_to_begin(std::size_t events, std::size_t capacity) {
  return events <= capacity ? events : (capacity + 1) / 2;
}

/// Goes on as far as its events are settled in a row. True at the end.
template <class OutcomeOf>
bool settle(request& one, OutcomeOf outcome_of) {
  auto& now = one.now;
  for (; now.settled < now.put; ++now.settled) {
    const auto position = one.first + now.settled;
    const auto how = outcome_of(position);
    if (!how)
      return false;
    ++now.by[static_cast<std::size_t>(*how)];
    if (*how > outcome::acknowledged)
      now.lost.push_back({now.settled, position, *how});
  }
  return true;
}

} // namespace

// --- the server ------------------------------------------------------------------------------------

std::shared_ptr<request> admission::offer(std::vector<text_event> events, bool until_settled,
                                          std::function<void()> news) {
  auto made = std::make_shared<request>();
  made->events = std::move(events);
  made->until_settled = until_settled;
  made->news = std::move(news);
  const std::lock_guard lock{lock_};
  if (closed_) {
    made->now.state = state::refused;
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
  return one.now;
}

admission::standing admission::withdraw(const std::shared_ptr<request>& one, bool even_if_begun) {
  const std::lock_guard lock{lock_};
  auto& now = one->now;
  if (now.state == state::waiting || (now.state == state::begun && even_if_begun)) {
    now.state = state::refused;
    std::erase(line_, one);
    if (source_ != nullptr)
      source_->wake(); // what is behind it may fit
  }
  return now;
}

admission::standing admission::forget(const request& one) {
  const std::lock_guard lock{lock_};
  if (one.now.state == state::admitted && one.until_settled)
    unsettled_.erase(one.first);
  return one.now;
}

bool admission::closed() const {
  const std::lock_guard lock{lock_};
  return closed_;
}

std::size_t admission::waiting() const {
  const std::lock_guard lock{lock_};
  return line_.size();
}

// --- the source ------------------------------------------------------------------------------------

void admission::wakes(waker* source) {
  const std::lock_guard lock{lock_};
  source_ = source;
}

admission::left admission::hand_over(intake<text_event>& in, std::uint64_t last_position) {
  std::vector<std::shared_ptr<request>> admitted;
  left what_is_left;
  {
    const std::lock_guard lock{lock_};
    while (!line_.empty()) {
      auto& first = *line_.front();
      auto& now = first.now;
      if (now.state == state::waiting) {
        if (const auto room = room_to_begin(first.events.size(), in.capacity()); in.room() < room) {
          what_is_left.room = room;
          break;
        }
        now.state = state::begun;
        first.first = last_position + 1;
      }
      for (; now.put < first.events.size() && in.room() > 0; ++now.put) {
        auto& event = first.events[now.put];
        event.number = ++last_position;
        in.put(std::move(event));
      }
      if (now.put < first.events.size()) {
        what_is_left.begun = true;
        break;
      }
      first.events = {};
      now.state = state::admitted;
      if (first.until_settled)
        unsettled_.emplace(first.first, line_.front());
      admitted.push_back(std::move(line_.front()));
      line_.pop_front();
    }
  }
  for (const auto& one : admitted)
    one->news();
  return what_is_left;
}

std::size_t admission::unsettled() const {
  const std::lock_guard lock{lock_};
  return unsettled_.size();
}

std::optional<time_point>
admission::look(std::uint64_t prefix, time_point now,
                const std::function<std::optional<outcome>(std::uint64_t)>& outcome_of) {
  std::vector<std::shared_ptr<request>> settled;
  std::optional<time_point> again;
  {
    const std::lock_guard lock{lock_};
    const bool all = unsettled_.size() <= few_requests || now >= look_all_at_;
    if (all)
      look_all_at_ = now + look_every;
    for (auto one = unsettled_.begin(); one != unsettled_.end();) {
      if (one->first > prefix && !all) {
        again = look_all_at_;
        break;
      }
      if (settle(*one->second, outcome_of)) {
        one->second->now.state = state::settled;
        settled.push_back(std::move(one->second));
        one = unsettled_.erase(one);
      } else {
        ++one;
      }
    }
  }
  for (const auto& one : settled)
    one->news();
  return again;
}

void admission::close() {
  std::deque<std::shared_ptr<request>> refused;
  {
    const std::lock_guard lock{lock_};
    closed_ = true;
    refused.swap(line_);
    for (const auto& one : refused)
      one->now.state = state::refused;
  }
  for (const auto& one : refused)
    one->news();
}

void admission::end() {
  close();
  std::map<std::uint64_t, std::shared_ptr<request>> cut_off;
  {
    const std::lock_guard lock{lock_};
    cut_off.swap(unsettled_);
    for (const auto& [first, one] : cut_off)
      one->now.state = state::cut_off;
  }
  for (const auto& [first, one] : cut_off)
    one->news();
}

} // namespace weir::http
