#include <weir/dead_letters/held_keys.hpp>
#include <weir/mailbox/require.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

bool held_keys::call_when_changed(waker& who) {
  const std::lock_guard lock{lock_};
  if (!full())
    return false;
  if (std::ranges::find(waiting_, &who) == waiting_.end())
    waiting_.push_back(&who);
  return true;
}

std::optional<std::string> held_keys::held_behind(const std::string& key,
                                                  const resume_point& read_at) const {
  const std::lock_guard lock{lock_};
  const auto found = keys_.find(key);
  if (found == keys_.end())
    return std::nullopt;
  const auto& letters = found->second.read_at;
  const auto& first = letters.front();
  const auto is_later = [&](const resume_point& one) {
    return one.partition != read_at.partition || read_at.position < one.position;
  };
  if (!read_at.partition.empty() && read_at.partition == first.partition && is_later(first)
      && std::ranges::all_of(letters, is_later))
    return std::nullopt;
  return first.partition.empty() ? "a letter"
                                 : first.partition + ":" + std::to_string(first.position);
}

void held_keys::add(const std::string& key, const resume_point& read_at) {
  const std::lock_guard lock{lock_};
  auto& one = keys_[key];
  one.read_at.push_back(read_at);
  ++one.letters;
  ++one.on_their_way;
  ++one.changes;
  letters_.fetch_add(1, std::memory_order_release);
}

bool held_keys::stored(const std::string& key) {
  const std::lock_guard lock{lock_};
  const auto found = keys_.find(key);
  if (found == keys_.end())
    return false;
  auto& one = found->second;
  if (one.on_their_way > 0)
    --one.on_their_way;
  return one.on_their_way == 0 && one.counted_in_vain;
}

void held_keys::found(const std::string& key, std::deque<resume_point> letters) {
  require(!letters.empty(), "held_keys::found: a key is held by one letter at least");
  const std::lock_guard lock{lock_};
  auto& one = keys_[key];
  one.letters = letters.size();
  one.read_at = std::move(letters);
  letters_.fetch_add(one.letters, std::memory_order_release);
}

template <class Which>
std::vector<held_keys::key_state> held_keys::all(Which which) const {
  const std::lock_guard lock{lock_};
  std::vector<key_state> all;
  for (const auto& [key, one] : keys_)
    if (which(one))
      all.push_back({key, one.changes});
  return all;
}

std::vector<held_keys::key_state> held_keys::all() const {
  return all([](const held_key&) { return true; });
}

std::vector<held_keys::key_state> held_keys::counted_in_vain() const {
  return all([](const held_key& one) { return one.counted_in_vain && one.on_their_way == 0; });
}

std::optional<held_keys::key_state> held_keys::one(const std::string& key) const {
  const std::lock_guard lock{lock_};
  const auto found = keys_.find(key);
  if (found == keys_.end())
    return std::nullopt;
  return key_state{key, found->second.changes};
}

void held_keys::counted(const key_state& seen, std::uint64_t letters, const resume_point& first) {
  std::vector<waker*> waiting;
  {
    const std::lock_guard lock{lock_};
    const auto found = keys_.find(seen.key);
    if (found == keys_.end())
      return;
    auto& one = found->second;
    one.counted_in_vain = one.changes != seen.changes || one.on_their_way > 0;
    if (one.counted_in_vain) // what was added since may or may not have been counted
      return;
    letters_.fetch_add(letters - one.letters, std::memory_order_release);
    one.letters = letters;
    if (letters == 0) {
      keys_.erase(found);
    } else {
      const auto gone = std::ranges::find(one.read_at, first); // those before it
      if (gone != one.read_at.end())
        one.read_at.erase(one.read_at.begin(), gone);
      else // it was edited into this key
        one.read_at.push_front(first);
    }
    if (!full())
      waiting.swap(waiting_);
  }
  for (auto* who : waiting)
    who->wake();
}

bool held_keys::tell_when_stored(const std::string& key) {
  const std::lock_guard lock{lock_};
  const auto found = keys_.find(key);
  if (found == keys_.end() || found->second.on_their_way == 0)
    return false;
  found->second.counted_in_vain = true;
  return true;
}

std::uint64_t held_keys::keys() const {
  const std::lock_guard lock{lock_};
  return keys_.size();
}

} // namespace weir::internal
