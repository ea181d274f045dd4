#include "key_watch.hpp"

#include "world.hpp"

#include <algorithm>
#include <string_view>

namespace simulation {

namespace {

std::string text_of(place at, const thing& one, const scenario& of) {
  return "item " + weir_payload(one) + " in " + stage_name(of, at);
}

} // namespace

void key_watch::begin_life() {
  begun_.clear();
  gone_.clear();
}

void key_watch::life_lost() {
  // What was in flight is read again, and may come after letters of its key that are replayed meanwhile.
  lost_up_to_ = seen_up_to_;
  last_passed_.clear();
}

void key_watch::run_begins(place at, const thing& one) {
  saw(one.id);
  const auto key = hold_key_of(one);
  if (key.empty() || in_.fenced() || !begun_[at].insert(one).second) // a retry goes on where it was
    return;
  if (!letters_at_.contains({at, key}))
    return;
  const auto found = in_.letters.select({.stage = stage_name(of_, at), .key = key}, 1000);
  if (!found || found->empty())
    return;
  const auto& first = found->front();
  // What was put once more while it was being replayed is dead-lettered again meanwhile.
  if (first.payload == weir_payload(one)
      && (first.state == weir::dead_letter_state::replaying
          || put_twice_.contains({first.stage, first.payload})))
    return;
  // It is read again, and before all letters. Of another source than the first one it is so if it was read before one
  // that was there before that, and has gone through: the stage need not know yet that this one is gone.
  const auto source = "source-" + std::to_string(one.id >> 24U);
  const auto is_before = [&](const weir::dead_letter& letter) {
    return of_.position_of(one.id) < letter.position;
  };
  const auto goes_before = [&](const weir::dead_letter& letter) {
    return letter.source == source && letter.id <= first.id && is_before(letter);
  };
  const auto stays_before = [&](const weir::dead_letter& letter) {
    return letter.source != source || is_before(letter);
  };
  if (is_of_a_source(one) && std::ranges::all_of(*found, stays_before)
      && (goes_before(first) || std::ranges::any_of(gone_[{at, key}], goes_before)))
    return;
  in_.violated("held key: " + text_of(at, one, of_) + " is run, though letter "
               + std::to_string(first.id) + " of its key is there: " + first.payload);
}

bool key_watch::comes_in_order(place at, const thing& one) const {
  const auto lost = lost_up_to_.find(one.id >> 24U);
  return of_.keeps_order_before(at) && is_of_a_source(one) && !comes_late(at, one.id)
         && (lost == lost_up_to_.end() || one.id > lost->second);
}

void key_watch::passed(place at, const thing& one) {
  const auto key = hold_key_of(one);
  if (key.empty() || in_.fenced() || !comes_in_order(at, one) || !passed_[at].insert(one).second)
    return;
  auto& last = last_passed_[{at, key, one.branch, one.id >> 24U}];
  if (one.id < last)
    in_.violated("held key: " + text_of(at, one, of_) + " went through after item "
                 + std::to_string(last) + " of the same key");
  last = std::max(last, one.id);
}

void key_watch::dead_lettered(place at, const thing& item, const weir::dead_letter& letter) {
  saw(item.id);
  begun_[at].erase(item);
  const auto most = of_.held_max_at(at);
  const auto key = most > 0 ? hold_key_of(item) : std::string{};
  if (letter.key != key)
    in_.violated("held key: the letter of " + text_of(at, item, of_) + " has the key '" + letter.key
                 + "' instead of '" + key + "'");
  const auto earlier = [&](std::map<std::uint32_t, std::size_t>& of) {
    auto& segment = of.try_emplace(item.id, at.segment).first->second;
    segment = std::min(segment, at.segment);
  };
  earlier(first_letter_of_);
  if (key.empty())
    earlier(left_behind_);

  constexpr std::string_view behind = "held behind ";
  const std::string_view cause = letter.why.chain.back();
  const auto letters_there = letters_at_.find({at, key});
  if (cause.starts_with(behind)) {
    in_.faults.came_about(event::item_held_behind_its_key);
    const auto whom = cause.substr(behind.size(), cause.find(" of the same") - behind.size());
    if (key.empty() || letters_there == letters_at_.end()
        || !letters_there->second.contains(std::string{whom}))
      in_.violated("held key: " + text_of(at, item, of_) + " was " + std::string{cause}
                   + ", and there never was such a letter");
  }
  if (key.empty())
    return;
  if (const auto last = last_passed_.find({at, key, item.branch, item.id >> 24U});
      last != last_passed_.end() && item.id < last->second && comes_in_order(at, item)
      && !passed_[at].contains(item))
    in_.violated("held key: " + text_of(at, item, of_) + " is a dead letter, and item "
                 + std::to_string(last->second) + " of the same key went through before");
  letters_at_[{at, key}].insert(
      letter.source.empty() ? "a letter" : letter.source + ":" + std::to_string(letter.position));
  // What each worker has in hand may fail as well.
  const auto options = of_.options_at(at);
  if (const auto count = letters_of(at); count >= most + options.workers * options.in_flight_max)
    in_.violated("held key: " + stage_name(of_, at) + " has " + std::to_string(count) + " letters, "
                 + std::to_string(most) + " are the most");
}

void key_watch::replayed(const weir::dead_letter& letter) {
  const auto at = place_of(of_, letter.stage);
  if (at && !letter.key.empty())
    gone_[{*at, letter.key}].push_back(letter);
}

/// Without those that were replayed from an earlier stage: these come in any case.
std::uint64_t key_watch::letters_of(place at) const {
  const auto name = stage_name(of_, at);
  const auto all = in_.letters.letters();
  return static_cast<std::uint64_t>(std::ranges::count_if(all, [&](const auto& one) {
    if (one.stage != name || one.key.empty())
      return false;
    const auto read = weir::from_payload<thing>(one.payload);
    const auto first = read ? first_letter_of_.find(read->id) : first_letter_of_.end();
    return first == first_letter_of_.end() || first->second >= at.segment;
  }));
}

bool key_watch::at_bound() const {
  if (!of_.has_held_keys())
    return false;
  std::map<std::string, std::uint64_t> letters;
  for (const auto& one : in_.letters.letters())
    if (!one.key.empty())
      ++letters[one.stage];
  return std::ranges::any_of(letters, [&](const auto& one) {
    const auto at = place_of(of_, one.first);
    return at && one.second >= of_.held_max_at(*at);
  });
}

std::uint64_t key_watch::keys_of(place at) const {
  std::set<std::string> keys;
  for (const auto& one : in_.letters.letters())
    if (!one.key.empty() && one.stage == stage_name(of_, at))
      keys.insert(one.key);
  return keys.size();
}

std::size_t key_watch::letters_up_to() const {
  std::size_t last = 0;
  for (const auto& one : in_.letters.letters())
    if (const auto at = place_of(of_, one.stage))
      last = std::max(last, at->segment + 1);
  return last;
}

} // namespace simulation
