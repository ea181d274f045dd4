#include <weir/actors/runtime.hpp>
#include <weir/dead_letters/dead_letter_actor.hpp>
#include <weir/dead_letters/held_keys.hpp>

#include <algorithm>
#include <atomic>
#include <functional>

namespace weir {

namespace {

/// By the clock, and a count of those in this process, which may begin in the same instant.
std::uint64_t new_life(const runtime& node) {
  constexpr unsigned count_bits = 20;
  static std::atomic<std::uint64_t> count{0};
  const auto now = std::chrono::floor<std::chrono::milliseconds>(node.wall_clock());
  return (static_cast<std::uint64_t>(now.time_since_epoch().count()) << count_bits & INT64_MAX)
         | (count.fetch_add(1) & ((std::uint64_t{1} << count_bits) - 1));
}

} // namespace

dead_letter_actor::dead_letter_actor(runtime& node, acknowledgement& books,
                                     std::shared_ptr<dead_letter_store> store,
                                     std::function<void(std::optional<failure>)> finished)
    : actor{"dead-letters"},
      node_{node},
      books_{books},
      store_{std::move(store)},
      finished_{std::move(finished)},
      capacity_{std::max<std::size_t>(1, node.options().letters_waiting_max)},
      life_{new_life(node)} {}

bool dead_letter_actor::offer(outgoing_letter& item, waker& who) {
  {
    const std::lock_guard lock{lock_};
    if (queue_.size() >= capacity_) {
      if (std::ranges::find(refused_, &who) == refused_.end())
        refused_.push_back(&who);
      return false;
    }
    queue_.push_back(std::move(item));
  }
  wake();
  return true;
}

std::uint32_t dead_letter_actor::letters_before(const std::string& stage,
                                                const resume_point& read_at, std::uint32_t part) {
  const std::lock_guard lock{lock_};
  if (read_at.partition
          .empty()) // never settled: counted together, or they would never be forgotten
    return letters_made_[{stage, {}, 0, 0}]++;
  if (letters_made_.size() >= forget_at_)
    forget_settled();
  return letters_made_[{stage, read_at.partition, read_at.position, part}]++;
}

void dead_letter_actor::forget_settled() {
  std::map<std::string, std::uint64_t> settled;
  for (auto& point : books_.resume_points({}))
    settled[point.partition] = point.position;
  std::erase_if(letters_made_, [&](const auto& one) {
    const auto& [stage, partition, position, part] = one.first;
    const auto there = settled.find(partition);
    return there != settled.end() && position <= there->second;
  });
  forget_at_ = std::max<std::size_t>(1024, 2 * letters_made_.size());
}

void dead_letter_actor::close() {
  {
    const std::lock_guard lock{lock_};
    closed_ = true;
  }
  wake();
}

void dead_letter_actor::abort() {
  {
    const std::lock_guard lock{lock_};
    aborted_ = true;
  }
  wake();
}

std::size_t dead_letter_actor::waiting() const {
  const std::lock_guard lock{lock_};
  return queue_.size();
}

std::string dead_letter_actor::trouble() const {
  const std::lock_guard lock{lock_};
  return trouble_;
}

void dead_letter_actor::count(const dead_letter& letter) {
  auto key = std::pair{letter.stage, cause_of(letter)};
  if (causes_.size() >= dead_letter_queue::causes_max && !causes_.contains(key))
    key.second = other_causes;
  ++causes_[key];
}

std::vector<dead_letter_count> dead_letter_actor::causes() const {
  std::vector<dead_letter_count> all;
  {
    const std::lock_guard lock{lock_};
    for (const auto& [key, number] : causes_)
      all.push_back({key.first, key.second, number});
  }
  std::ranges::stable_sort(all, std::greater{}, &dead_letter_count::count);
  return all;
}

activity dead_letter_actor::turn() {
  bool over = false;
  bool empty = false;
  {
    const std::lock_guard lock{lock_};
    empty = queue_.empty();
    over = aborted_ || (closed_ && empty);
  }
  if (over)
    return activity::finished();
  if (empty)
    return activity::asleep();
  if (node_.now() < retry_at_)
    return activity::asleep(retry_at_);

  std::vector<dead_letter> letters;
  std::vector<waker*> refused;
  std::vector<letter_sender*> senders;
  result<void> stored;
  try {
    {
      // What is being stored stays queued until it is: a store may throw. So may a copy.
      const std::lock_guard lock{lock_};
      for (std::size_t k = 0; k < std::min(queue_.size(), at_once_); ++k)
        letters.push_back(queue_[k].letter);
    }
    senders.reserve(letters.size());
    stored = store_->put(letters);
  } catch (...) {
    stored = describe_current_exception();
  }

  if (!stored) {
    {
      const std::lock_guard lock{lock_};
      trouble_ = stored.error().message();
    }
    if (letters.size() > 1) { // perhaps there is room for some
      at_once_ = letters.size() / 2;
      return activity::again();
    }
    const auto delay = backoff{}.delay(++failures_in_a_row_, node_.random());
    retry_at_ = node_.now() + delay;
    return activity::asleep(retry_at_);
  }

  failures_in_a_row_ = 0;
  at_once_ = std::min(at_once_ * 2, capacity_);
  {
    const std::lock_guard lock{lock_};
    trouble_.clear();
    for (std::size_t k = 0; k < letters.size(); ++k) {
      books_.settle(queue_.front().where, outcome::dead_lettered);
      count(letters[k]);
      senders.push_back(queue_.front().from);
      if (auto* keys = queue_.front().keys;
          keys != nullptr && keys->stored(letters[k].key) && counts_again_ != nullptr)
        counts_again_->wake();
      queue_.pop_front();
    }
    refused.swap(refused_);
  }
  for (auto* who : senders)
    who->dead_letter_stored();
  for (auto* who : refused)
    who->wake();
  return activity::again();
}

void dead_letter_actor::crashed(failure why) noexcept {
  {
    const std::lock_guard lock{lock_};
    trouble_ = why.message();
  }
  crash_ = std::move(why).within("dead-letter actor");
}

} // namespace weir
