#include <weir/mailbox/require.hpp>
#include <weir/supervision/suspects.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::internal {

std::uint64_t flight_key(std::string_view pipeline, std::string_view name) noexcept {
  std::uint64_t hash = 0xCBF29CE484222325U; // FNV-1a
  const auto add = [&hash](std::string_view text) {
    for (const char one : text)
      hash = (hash ^ static_cast<unsigned char>(one)) * 0x100000001B3U;
    hash = (hash ^ 0xFFU) * 0x100000001B3U; // so that "a", "bc" is not "ab", "c"
  };
  add(pipeline);
  add(name);
  return hash == 0 ? 1 : hash;
}

namespace {

template <class Which>
void forget_up_to(std::uint64_t position, Which which, std::vector<suspect>& from) {
  std::erase_if(from, [&](const suspect& one) { return which(one) && one.last <= position; });
  for (auto& one : from)
    if (which(one))
      one.first = std::max(one.first, position + 1);
}

} // namespace

std::optional<int> suspect::last_status() const {
  return status == unknown_status ? std::nullopt : std::optional<int>{status};
}

void suspects::set(std::vector<suspect> kept) { kept_ = std::move(kept); }

void suspects::watch(std::uint64_t stage, std::uint64_t partition, std::uint64_t resume_after) {
  const std::lock_guard guard{lock_};
  const auto its = [=](const suspect& one) {
    return one.stage == stage && one.partition == partition;
  };
  forget_up_to(resume_after, its, kept_);
  std::erase_if(watched_, its);
  std::ranges::copy_if(kept_, std::back_inserter(watched_), its);
  // What was settled and lies behind the position is not stored, and comes again.
  std::erase_if(settled_, [=](const auto& one) { return one.first == partition; });
  remaining_.store(watched_.size(), std::memory_order_relaxed);
}

void suspects::begins_anew(std::uint64_t partition) {
  const std::lock_guard guard{lock_};
  const auto its = [=](const suspect& one) { return one.partition == partition; };
  std::erase_if(kept_, its);
  std::erase_if(watched_, its);
  remaining_.store(watched_.size(), std::memory_order_relaxed);
}

void suspects::closed(std::uint64_t partition) {
  const std::lock_guard guard{lock_};
  std::erase_if(watched_, [=](const suspect& one) { return one.partition == partition; });
  remaining_.store(watched_.size(), std::memory_order_relaxed);
}

void suspects::comes_again(std::uint64_t partition, std::uint64_t position) {
  const std::lock_guard guard{lock_};
  for (auto one : kept_)
    if (one.partition == partition && one.first <= position && position <= one.last) {
      one.first = one.last = position;
      watched_.push_back(one);
    }
  remaining_.store(watched_.size(), std::memory_order_relaxed);
}

void suspects::gone(std::uint64_t partition, std::uint64_t position) {
  const std::lock_guard guard{lock_};
  const auto it = [=](const suspect& one) {
    return one.partition == partition && one.first == position && one.last == position;
  };
  std::erase_if(kept_, it); // if it comes once more, it is not for what was known before
  std::erase_if(watched_, it);
  remaining_.store(watched_.size(), std::memory_order_relaxed);
}

std::optional<suspect> suspects::at(std::uint64_t stage, std::uint64_t partition,
                                    std::uint64_t position) const {
  const std::lock_guard guard{lock_};
  const auto found = std::ranges::find_if(watched_, [=](const suspect& one) {
    return one.stage == stage && one.partition == partition && one.first <= position
           && position <= one.last;
  });
  return found == watched_.end() ? std::nullopt : std::optional{*found};
}

bool suspects::any_at(std::uint64_t partition, std::uint64_t position) const {
  const std::lock_guard guard{lock_};
  return std::ranges::any_of(watched_, [=](const suspect& one) {
    return one.partition == partition && one.deaths > 0 && one.first <= position
           && position <= one.last;
  });
}

void suspects::settled(std::uint64_t partition, std::uint64_t position) {
  const std::lock_guard guard{lock_};
  std::erase_if(watched_, [=](const suspect& one) {
    return one.partition == partition && one.last <= position;
  });
  remaining_.store(watched_.size(), std::memory_order_relaxed);
  if (std::ranges::find(kept_, partition, &suspect::partition) == kept_.end())
    return;
  const auto known = std::ranges::find(settled_, partition, &decltype(settled_)::value_type::first);
  if (known == settled_.end())
    settled_.emplace_back(partition, position);
  else
    known->second = std::max(known->second, position);
}

std::vector<suspect> suspects::left(bool stored) const {
  const std::lock_guard guard{lock_};
  auto left = kept_;
  if (!stored)
    return left;
  for (const auto& settled : settled_)
    forget_up_to(
        settled.second, [&](const suspect& one) { return one.partition == settled.first; }, left);
  return left;
}

bool suspects::enter(bool alone, waker& who) {
  const std::lock_guard guard{lock_};
  const bool others = wants_alone_ != nullptr && wants_alone_ != &who;
  if (alone_ || others || (alone && inside_ > 0)) {
    if (alone && wants_alone_ == nullptr)
      wants_alone_ = &who;
    if (std::ranges::find(refused_, &who) == refused_.end())
      refused_.push_back(&who);
    return false;
  }
  wants_alone_ = nullptr; // whoever wanted it is in now, or asks again
  alone_ = alone;
  ++inside_;
  return true;
}

void suspects::leave() noexcept {
  std::vector<waker*> refused;
  {
    const std::lock_guard guard{lock_};
    require(inside_ > 0, "suspects: only what has entered can leave");
    alone_ = false;
    if (--inside_ == 0)
      refused.swap(refused_);
  }
  for (auto* one : refused)
    one->wake();
}

void suspects::withdraw(waker& who) noexcept {
  std::vector<waker*> refused;
  {
    const std::lock_guard guard{lock_};
    std::erase(refused_, &who);
    if (wants_alone_ == &who) {
      wants_alone_ = nullptr;
      refused.swap(refused_);
    }
  }
  for (auto* one : refused)
    one->wake();
}

} // namespace weir::internal
