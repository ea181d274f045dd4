#include <weir/actors/runtime.hpp>
#include <weir/dead_letters/dead_letter_actor.hpp>
#include <weir/dead_letters/held_keys.hpp>
#include <weir/dead_letters/store_answer.hpp>

#include <algorithm>
#include <atomic>
#include <iterator>

namespace weir::internal {

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
      books_{books},
      store_{std::move(store)},
      finished_{std::move(finished)},
      capacity_{std::max<std::size_t>(1, node.options().letters_waiting_max)},
      life_{new_life(node)},
      numbers_{books},
      trouble_{node} {}

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

std::vector<dead_letter_count> dead_letter_actor::causes() const {
  const std::lock_guard lock{lock_};
  return causes_.by_frequency();
}

activity dead_letter_actor::turn() {
  {
    const std::lock_guard lock{lock_};
    if (aborted_ || (closed_ && queue_.empty()))
      return activity::finished();
    if (queue_.empty())
      return activity::asleep();
  }
  if (trouble_.is_put_off())
    return activity::asleep(trouble_.retry_at());
  if (books_.any_given_back())
    let_go();

  parcel first;
  auto stored = store(first);
  if (!stored)
    return refused(stored.error(), first.letters.size());
  settle(first);
  return activity::again();
}

/// What was given back comes again elsewhere, and may fail there. Letters of held keys stay: others wait behind them.
void dead_letter_actor::let_go() {
  std::vector<outgoing_letter> gone;
  {
    const std::lock_guard lock{lock_};
    const auto kept = std::ranges::stable_partition(queue_, [this](const outgoing_letter& one) {
      return one.keys != nullptr || !books_.is_given_back(one.where);
    });
    gone.assign(std::move_iterator{kept.begin()}, std::move_iterator{kept.end()});
    queue_.erase(kept.begin(), kept.end());
  }
  if (gone.empty())
    return;
  for (const auto& one : gone) {
    books_.settle(one.where, outcome::returned);
    one.from->dead_letter_stored();
  }
  wake_refused();
}

/// What is being stored stays queued until it is: a store may throw. So may a copy.
result<void> dead_letter_actor::store(parcel& first) {
  return store_answer([&] {
    {
      const std::lock_guard lock{lock_};
      for (std::size_t k = 0; k < std::min(queue_.size(), at_once_); ++k)
        first.letters.push_back(queue_[k].letter);
    }
    first.senders.reserve(first.letters.size());
    return store_->put(first.letters);
  });
}

activity dead_letter_actor::refused(const failure& why, std::size_t letters) {
  trouble_.say(why.message());
  if (letters > 1) { // perhaps there is room for some
    at_once_ = letters / 2;
    return activity::again();
  }
  trouble_.put_off(++refusals_);
  return activity::asleep(trouble_.retry_at());
}

void dead_letter_actor::settle(parcel& stored) {
  refusals_ = 0;
  at_once_ = std::min(at_once_ * 2, capacity_);
  trouble_.say({});
  {
    const std::lock_guard lock{lock_};
    for (const auto& letter : stored.letters) {
      auto& one = queue_.front();
      books_.settle(one.where, outcome::dead_lettered);
      causes_.add(letter);
      stored.senders.push_back(one.from);
      if (one.keys != nullptr && one.keys->stored(letter.key) && counts_again_ != nullptr)
        counts_again_->wake();
      queue_.pop_front();
    }
  }
  for (auto* who : stored.senders)
    who->dead_letter_stored();
  wake_refused();
}

/// There is room again.
void dead_letter_actor::wake_refused() {
  std::vector<waker*> refused;
  {
    const std::lock_guard lock{lock_};
    refused.swap(refused_);
  }
  for (auto* who : refused)
    who->wake();
}

void dead_letter_actor::crashed(failure why) noexcept {
  trouble_.say(why.message());
  crash_ = std::move(why).within("dead-letter actor");
}

} // namespace weir::internal
