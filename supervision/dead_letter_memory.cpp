#include <weir/supervision/dead_letter_memory.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace weir::dead_letters {

namespace {

auto key(const dead_letter& letter) {
  return std::tie(letter.pipeline, letter.stage, letter.source, letter.position, letter.part);
}

} // namespace

result<void> memory::put(std::span<const dead_letter> letters) {
  const std::lock_guard lock{kept_->lock};
  auto all = kept_->letters; // all or none: on a copy
  for (const auto& letter : letters) {
    const auto place =
        std::ranges::find_if(all, [&](const auto& one) { return key(one) == key(letter); });
    if (place != all.end())
      *place = letter;
    else
      all.push_back(letter);
  }
  if (all.size() > kept_->capacity)
    return transient("the dead letters in memory are full (capacity "
                     + std::to_string(kept_->capacity) + ")");
  kept_->letters = std::move(all);
  return {};
}

std::vector<dead_letter> memory::letters() const {
  const std::lock_guard lock{kept_->lock};
  return kept_->letters;
}

void memory::clear() {
  const std::lock_guard lock{kept_->lock};
  kept_->letters.clear();
}

} // namespace weir::dead_letters
