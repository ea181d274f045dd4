#include <weir/pipeline/graph.hpp>

#include <algorithm>

namespace weir {

std::string_view to_string(stage_kind kind) noexcept {
  switch (kind) {
  case stage_kind::source:
    return "source";
  case stage_kind::transform:
    return "transform";
  case stage_kind::batch:
    return "batch";
  case stage_kind::broadcast:
    return "broadcast";
  case stage_kind::route:
    return "route";
  case stage_kind::sink:
    return "sink";
  }
  return "unknown";
}

std::string_view to_string(internal::spread how) noexcept {
  switch (how) {
  case internal::spread::any:
    return "any";
  case internal::spread::by_key:
    return "by_key";
  case internal::spread::straight:
    return "straight";
  }
  return "unknown";
}

} // namespace weir

namespace weir::internal {

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && text.size() <= name_length_max && letter(text.front())
         && std::ranges::all_of(text, [&](char c) {
              return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
            });
}

} // namespace weir::internal

namespace weir {

std::uint32_t graph::rings_into(std::size_t stage) const {
  std::uint32_t rings = 0;
  for (const auto& edge : edges)
    if (edge.to == stage)
      rings += edge.how == internal::spread::straight ? 1 : stages[edge.from].options.workers;
  return rings;
}

} // namespace weir
