#include <weir/actors/parked_keys.hpp>

#include <algorithm>
#include <utility>

namespace weir {

bool parked_keys::call_when_changed(waker& who) {
  const std::lock_guard lock{lock_};
  if (!full())
    return false;
  if (std::ranges::find(waiting_, &who) == waiting_.end())
    waiting_.push_back(&who);
  return true;
}

std::optional<std::string> parked_keys::parked_behind(const std::string& key,
                                                      const resume_point& read_at) const {
  const std::lock_guard lock{lock_};
  const auto found = keys_.find(key);
  if (found == keys_.end())
    return std::nullopt;
  const auto& first = found->second.first;
  if (!read_at.lane.empty() && read_at.lane == first.lane && read_at.position < first.position)
    return std::nullopt;
  return first.lane.empty() ? "a letter" : first.lane + ":" + std::to_string(first.position);
}

void parked_keys::add(const std::string& key, const resume_point& read_at) {
  const std::lock_guard lock{lock_};
  auto& one = keys_[key];
  if (one.letters == 0)
    one.first = read_at;
  ++one.letters;
  ++one.on_their_way;
  ++one.changes;
  letters_.fetch_add(1, std::memory_order_release);
}

bool parked_keys::stored(const std::string& key) {
  const std::lock_guard lock{lock_};
  const auto found = keys_.find(key);
  if (found == keys_.end())
    return false;
  auto& one = found->second;
  if (one.on_their_way > 0)
    --one.on_their_way;
  return one.on_their_way == 0 && one.counted_in_vain;
}

template <class Which>
std::vector<parked_keys::key_state> parked_keys::all(Which which) const {
  const std::lock_guard lock{lock_};
  std::vector<key_state> all;
  for (const auto& [key, one] : keys_)
    if (which(one))
      all.push_back({key, one.changes});
  return all;
}

std::vector<parked_keys::key_state> parked_keys::all() const {
  return all([](const parked_key&) { return true; });
}

std::vector<parked_keys::key_state> parked_keys::counted_in_vain() const {
  return all([](const parked_key& one) { return one.counted_in_vain && one.on_their_way == 0; });
}

std::optional<parked_keys::key_state> parked_keys::one(const std::string& key) const {
  const std::lock_guard lock{lock_};
  const auto found = keys_.find(key);
  if (found == keys_.end())
    return std::nullopt;
  return key_state{key, found->second.changes};
}

void parked_keys::counted(const key_state& seen, std::uint64_t letters, const resume_point& first) {
  std::vector<waker*> waiting;
  {
    const std::lock_guard lock{lock_};
    auto& one = keys_[seen.key];
    one.counted_in_vain = one.changes != seen.changes || one.on_their_way > 0;
    if (one.counted_in_vain) // what was added since may or may not have been counted
      return;
    letters_.fetch_add(letters - one.letters, std::memory_order_release);
    one.letters = letters;
    one.first = first;
    if (letters == 0)
      keys_.erase(seen.key);
    if (!full())
      waiting.swap(waiting_);
  }
  for (auto* who : waiting)
    who->wake();
}

bool parked_keys::tell_when_stored(const std::string& key) {
  const std::lock_guard lock{lock_};
  const auto found = keys_.find(key);
  if (found == keys_.end() || found->second.on_their_way == 0)
    return false;
  found->second.counted_in_vain = true;
  return true;
}

std::uint64_t parked_keys::keys() const {
  const std::lock_guard lock{lock_};
  return keys_.size();
}

} // namespace weir
