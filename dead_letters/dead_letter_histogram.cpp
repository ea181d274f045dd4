#include <weir/dead_letters/dead_letter_histogram.hpp>

#include <algorithm>
#include <utility>

namespace weir {

bool dead_letter_count::operator==(const dead_letter_count&) const = default;

std::vector<dead_letter_count> dead_letter_tally::take() && { return std::move(counts_); }

void dead_letter_tally::add(dead_letter_count one) {
  if (counts_.size() >= causes_max) {
    one.cause = internal::other_causes;
    const auto place =
        std::find_if(counts_.begin() + static_cast<std::ptrdiff_t>(causes_max), counts_.end(),
                     [&](const auto& other) { return other.stage == one.stage; });
    if (place != counts_.end()) {
      place->count += one.count;
      return;
    }
  }
  counts_.push_back(std::move(one));
}

} // namespace weir
