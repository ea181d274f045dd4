#include <weir/pipeline/delivery.hpp>

#include <cstddef>

namespace weir {

std::string to_string(delivery how) {
  switch (how) {
  case delivery::exactly_once:
    return "exactly once";
  case delivery::once_by_key:
    return "once by key";
  case delivery::at_least_once:
    break;
  }
  return "at least once";
}

} // namespace weir

namespace weir::internal {

std::optional<delivery> delivery_of(const plan& of) {
  if (!of.positions)
    return std::nullopt;
  std::size_t sinks = 0;
  std::size_t with_points = 0;
  std::size_t with_keys = 0;
  for (std::size_t k = 0; k < of.stages.size(); ++k) {
    if (of.graph.stages[k].kind != stage_kind::sink)
      continue;
    ++sinks;
    if (const auto& asked = of.stages[k].stores_points; asked && asked(*of.positions))
      ++with_points;
    if (of.stages[k].idempotent)
      ++with_keys;
  }
  if (sinks == 1 && with_points == 1)
    return delivery::exactly_once;
  return with_keys == sinks ? delivery::once_by_key : delivery::at_least_once;
}

} // namespace weir::internal
