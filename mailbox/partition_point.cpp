#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/partition_point.hpp>

#include <algorithm>
#include <iterator>
#include <optional>

namespace weir {

namespace {

/// Is there no position between the end and what begins at `first`? Without `end` + 1, which may not exist.
bool joins(std::uint64_t end, std::uint64_t first) { return first <= end || first - end == 1; }

void append_number(std::string& bytes, std::uint64_t number) {
  for (; number >= 0x80U; number >>= 7U)
    bytes += static_cast<char>(0x80U | (number & 0x7FU));
  bytes += static_cast<char>(number);
}

/// Takes a number from the front. Nothing, if it isn't finished, has no room in 64 bits, or is longer than it need be:
/// so there is one way only to write a number.
std::optional<std::uint64_t> take_number(std::string_view& bytes) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    const std::uint64_t part = byte & 0x7FU;
    if (part << shift >> shift != part)
      return std::nullopt;
    number |= part << shift;
    if ((byte & 0x80U) != 0)
      continue;
    if (part == 0 && shift > 0)
      return std::nullopt;
    return number;
  }
  return std::nullopt;
}

} // namespace

std::uint64_t last_settled(const partition_point& point) noexcept {
  return point.beyond.empty() ? point.position : point.beyond.back().last;
}

void add_settled(partition_point& point, const partition_point& more) {
  if (more.mark.reaches_beyond(point.mark))
    point.mark = more.mark;
  std::vector<position_range> all;
  all.reserve(point.beyond.size() + more.beyond.size());
  std::ranges::merge(point.beyond, more.beyond, std::back_inserter(all), {}, &position_range::first,
                     &position_range::first);
  point.position = std::max(point.position, more.position);
  point.beyond.clear();
  for (const auto& one : all) {
    auto& end = point.beyond.empty() ? point.position : point.beyond.back().last;
    if (joins(end, one.first))
      end = std::max(end, one.last);
    else
      point.beyond.push_back(one);
  }
}

bool is_settled(const partition_point& point, std::uint64_t position) {
  if (position <= point.position)
    return true;
  const auto found = std::ranges::lower_bound(point.beyond, position, {}, &position_range::last);
  return found != point.beyond.end() && found->first <= position;
}

std::string ranges_as_bytes(const partition_point& point) {
  std::string bytes;
  auto end = point.position;
  for (const auto& one : point.beyond) {
    append_number(bytes, one.first - end);
    append_number(bytes, one.last - one.first);
    end = one.last;
  }
  return bytes;
}

bool ranges_from_bytes(std::string_view bytes, partition_point& point) {
  std::vector<position_range> ranges;
  auto end = point.position;
  while (!bytes.empty()) {
    const auto gap = take_number(bytes);
    const auto length = take_number(bytes);
    if (!gap || !length || *gap < 2 || end > internal::origin::position_max)
      return false;
    if (*gap > internal::origin::position_max - end
        || *length > internal::origin::position_max - end - *gap)
      return false;
    const auto first = end + *gap;
    end = first + *length;
    ranges.push_back({first, end});
  }
  point.beyond = std::move(ranges);
  return true;
}

} // namespace weir
