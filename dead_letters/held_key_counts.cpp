#include <weir/dead_letters/held_key_counts.hpp>
#include <weir/dead_letters/store_answer.hpp>

#include <algorithm>

namespace weir::internal {

void held_key_counts::add_all() {
  all_wanted_ = false;
  for (std::size_t k = 0; k < stages_.size(); ++k)
    if (stages_[k].keys != nullptr)
      for (const auto& seen : stages_[k].keys->all())
        to_count_.emplace(k, seen.key);
}

void held_key_counts::add_counted_in_vain() {
  for (std::size_t k = 0; k < stages_.size(); ++k)
    if (stages_[k].keys != nullptr)
      for (const auto& seen : stages_[k].keys->counted_in_vain())
        to_count_.emplace(k, seen.key);
}

void held_key_counts::forget() {
  to_count_.clear();
  all_wanted_ = false;
}

result<void> held_key_counts::count_some() {
  for (std::size_t counted = 0;; ++counted) {
    if (to_count_.empty())
      add_counted_in_vain();
    if (to_count_.empty() || counted == keys_in_a_turn)
      return {};
    const auto& [index, key] = *to_count_.begin();
    const auto& where = stages_[index];
    if (where.keys != nullptr)
      if (const auto seen = where.keys->one(key))
        if (auto done = count(where, *seen); !done)
          return done;
    to_count_.erase(to_count_.begin());
  }
}

result<void> held_key_counts::count(const replay_stage& where, const held_keys::key_state& seen) {
  const dead_letter_filter filter{.pipeline = pipeline_, .stage = where.name, .key = seen.key};
  auto first = store_answer([&] { return queue_.select(filter, 1); });
  if (!first)
    return std::move(first.error());
  std::uint64_t letters = 0;
  if (!first->empty()) {
    auto causes = store_answer([&] { return queue_.histogram(filter); });
    if (!causes)
      return std::move(causes.error());
    for (const auto& one : *causes)
      letters += one.count;
  }
  where.keys->counted(seen, letters,
                      first->empty()
                          ? resume_point{}
                          : resume_point{first->front().source, first->front().position});
  return {};
}

bool held_key_counts::at_bound() const {
  return std::ranges::any_of(
      stages_, [](const auto& one) { return one.keys != nullptr && one.keys->full(); });
}

} // namespace weir::internal
