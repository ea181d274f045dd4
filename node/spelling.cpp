#include <weir/node/spelling.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

namespace weir::internal {

namespace {

/// Levenshtein's distance in bytes.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto changed = diagonal + (a[i] == b[j] ? 0U : 1U);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

} // namespace

std::string did_you_mean(std::string_view given, const std::vector<std::string>& known) {
  constexpr std::size_t name_max =
      64; // a longer one is no slip of the pen, and the distance is quadratic
  if (given.size() > name_max)
    return {};
  const std::string* nearest = nullptr;
  auto best = given.size() / 3 + 2; // exclusive: one slip, and one more for every three letters
  for (const auto& one : known)
    if (const auto slips = distance(given, one); slips < best && slips < one.size()) {
      best = slips;
      nearest = &one;
    }
  return nearest != nullptr ? "; did you mean " + *nearest + "?" : std::string{};
}

} // namespace weir::internal
