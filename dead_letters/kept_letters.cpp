#include <weir/dead_letters/dead_letter_words.hpp>
#include <weir/dead_letters/kept_letters.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace weir::internal {

kept_letters::identity kept_letters::identity_of(const dead_letter& letter) {
  return {letter.pipeline, letter.stage, letter.source, letter.position, letter.part};
}

bool kept_letters::has_room_for(std::span<const dead_letter> letters) const {
  std::set<identity> added;
  for (const auto& one : letters)
    if (auto who = identity_of(one); !ids_.contains(who))
      added.insert(std::move(who));
  return added.empty() || letters_.size() + added.size() <= letters_max_;
}

void kept_letters::put(const dead_letter& letter) {
  auto& id = ids_[identity_of(letter)];
  if (id == 0) {
    id = ++last_id_;
    letters_.emplace(id, entry{put_first(letter, id), {}});
  } else if (letter.attempts > 0) { // else put_again leaves it as it is
    auto& before = letters_.at(id);
    const bool replayed = before.letter.state == dead_letter_state::replaying;
    before = {put_again(before.letter, letter), {}};
    if (replayed)
      note(failed_again(before.letter));
  }
}

kept_letters::entry* kept_letters::find(std::uint64_t id) {
  const auto place = letters_.find(id);
  return place == letters_.end() ? nullptr : &place->second;
}

kept_letters::entry* kept_letters::claimed(std::uint64_t id, const std::shared_ptr<claimant>& by) {
  auto* const one = find(id);
  const bool is_claimed = one != nullptr && one->claimed_by.lock() == by
                          && one->letter.state == dead_letter_state::replaying;
  return is_claimed ? one : nullptr;
}

std::vector<kept_letters::entry*> kept_letters::matching(const dead_letter_filter& filter,
                                                         bool also_replaying) {
  std::vector<entry*> found;
  for (auto& [id, one] : letters_)
    if (filter.matches(one.letter)
        && (also_replaying || one.letter.state != dead_letter_state::replaying))
      found.push_back(&one);
  std::ranges::stable_sort(found, {},
                           [](const entry* one) -> const std::string& { return one->letter.key; });
  if (filter.limit > 0 && found.size() > filter.limit)
    found.resize(filter.limit);
  return found;
}

void kept_letters::forget(std::uint64_t id) {
  ids_.erase(identity_of(letters_.at(id).letter));
  letters_.erase(id);
  for (auto& line : audit_) // what was replaced goes too
    if (line.payload_before && line.about == ids_text({&id, 1}))
      line.payload_before.reset();
}

void kept_letters::clear() {
  letters_.clear();
  ids_.clear();
  for (auto& line : audit_)
    line.payload_before.reset();
}

void kept_letters::release_orphans() {
  for (auto& [id, one] : letters_)
    if (one.letter.state == dead_letter_state::replaying && one.claimed_by.expired())
      one.letter.state = dead_letter_state::requested;
}

void kept_letters::note(dead_letter_audit line) {
  line.number = ++last_line_;
  audit_.push_back(std::move(line));
  if (audit_.size() > lines_max_)
    audit_.pop_front();
}

} // namespace weir::internal
