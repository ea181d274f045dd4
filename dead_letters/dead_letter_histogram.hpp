#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Why dead letters failed: how many have which cause.
namespace weir {

/// Dead letters of one stage with one cause.
struct dead_letter_count {
  std::string stage;
  std::string cause; ///< the outermost message
  std::uint64_t count = 0;

  bool operator==(const dead_letter_count&) const;
};

} // namespace weir

namespace weir::internal {

/// The cause that stands for all those beyond the bound of a histogram.
inline constexpr auto other_causes = "other causes";

} // namespace weir::internal

namespace weir {

/// Gathers a histogram of bounded size. The counts come with the most frequent first.
///
/// Owner: one thread.
/// Invariant: causes_max causes at most, and for each stage one entry more for its other causes.
class dead_letter_tally {
public:
  static constexpr std::size_t causes_max = 100;

  void add(dead_letter_count one);
  std::vector<dead_letter_count> take() &&;

private:
  std::vector<dead_letter_count> counts_;
};

} // namespace weir
