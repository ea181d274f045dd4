#include <weir/stages/key_lines.hpp>

#include <utility>

namespace weir::internal {

bool key_lines::goes_on(const std::string& key) const {
  const auto found = lines_.find(key);
  return found != lines_.end() && found->second.goes_on != nullptr;
}

key_line& key_lines::line_of(const std::string& key) {
  if (const auto found = lines_.find(key); found != lines_.end())
    return found->second;
  if (spare_.empty()) {
    auto& made = *lines_.try_emplace(key).first;
    made.second.key = &made.first;
    return made.second;
  }
  spare_.back().key() = key; // may throw: the entry stays where it is
  auto entry = std::move(spare_.back());
  spare_.pop_back();
  return lines_.insert(std::move(entry)).position->second;
}

void key_lines::begins(item_in_hand& one, const std::string& key) {
  auto& mine = line_of(key);
  mine.goes_on = &one;
  one.line = &mine;
}

void key_lines::stands(item_in_hand& one, const std::string& key) {
  auto& mine = line_of(key);
  (mine.last != nullptr ? mine.last->later : mine.first) = &one;
  mine.last = &one;
  one.line = &mine;
  ++standing_;
}

item_in_hand* key_lines::next() {
  // One that was replayed may have gone on in front of those who stood in a line whose turn it was.
  while (!in_turn_.empty() && in_turn_.front()->goes_on != nullptr) {
    in_turn_.front()->in_turn = false;
    in_turn_.pop_front();
  }
  return in_turn_.empty() ? nullptr : in_turn_.front()->first;
}

item_in_hand& key_lines::leaves(key_line& from) {
  auto& one = *from.first;
  from.first = std::exchange(one.later, nullptr);
  if (from.first == nullptr)
    from.last = nullptr;
  --standing_;
  return one;
}

void key_lines::next_begins() {
  auto& mine = *in_turn_.front();
  in_turn_.pop_front();
  mine.in_turn = false;
  mine.goes_on = &leaves(mine);
}

void key_lines::next_ended() {
  auto& mine = *in_turn_.front();
  in_turn_.pop_front();
  mine.in_turn = false;
  leaves(mine).line = nullptr;
  has_its_turn(mine);
}

void key_lines::ended(item_in_hand& one) {
  auto* const mine = std::exchange(one.line, nullptr);
  if (mine == nullptr)
    return;
  mine->goes_on = nullptr;
  has_its_turn(*mine);
}

void key_lines::has_its_turn(key_line& one) {
  if (one.first == nullptr) {
    let_go(one);
  } else if (!std::exchange(one.in_turn, true)) {
    if (one.first->passes)
      in_turn_.push_front(&one);
    else
      in_turn_.push_back(&one);
  }
}

/// Its memory is kept for the next key.
void key_lines::let_go(key_line& one) { spare_.push_back(lines_.extract(*one.key)); }

} // namespace weir::internal
