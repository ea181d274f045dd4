#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/outcome.hpp>
#include <weir/mailbox/partition.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

/// How the tests of the mailbox open partitions, and say in a few words what became of them.
namespace settling {

inline weir::internal::partition_opening opening(std::string name, std::uint64_t resume_after = 0) {
  return {.from = {.partition = std::move(name), .position = resume_after}};
}

/// "1 acknowledged, 2 late, quiet"; "not yet" if nothing was settled for good.
inline std::string said(const weir::internal::partition::settled_now& done) {
  static constexpr std::array<const char*, weir::internal::outcomes_count> names{
      "filtered", "acknowledged", "dropped", "dead-lettered", "returned"};
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (done.twice)
    return "twice";
  for (std::size_t k = 0; k < done.counts.size(); ++k)
    if (done.counts[k] > 0)
      add(std::to_string(done.counts[k]) + ' ' + names[k]);
  if (done.late > 0)
    add(std::to_string(done.late) + " late");
  if (done.now_quiet)
    add("quiet");
  return text.empty() ? "not yet" : text;
}

/// Settles one share of one position.
inline std::string settle(weir::internal::partition& where, std::uint64_t position,
                          weir::outcome how = weir::outcome::acknowledged) {
  return said(where.settle(position / 64 * 64, std::uint64_t{1} << (position % 64), how));
}
/// Settles a share of each of the positions from `first` to `last`, which are in several blocks perhaps.
inline std::string settle(weir::internal::partition& where, weir::position_range all,
                          weir::outcome how = weir::outcome::acknowledged) {
  weir::internal::partition::settled_now sum;
  for (auto base = all.first / 64 * 64; base <= all.last; base += 64) {
    std::uint64_t mask = 0;
    for (auto at = std::max(base, all.first); at <= std::min(base + 63, all.last); ++at)
      mask |= std::uint64_t{1} << (at % 64);
    const auto done = where.settle(base, mask, how);
    for (std::size_t k = 0; k < done.counts.size(); ++k)
      sum.counts[k] += done.counts[k];
    sum.twice |= done.twice;
    sum.late += done.late;
    sum.now_quiet |= done.now_quiet;
  }
  return said(sum);
}

/// "file 5 +7-9 +11-11"
inline std::string said(const weir::partition_point& of) {
  auto text = of.partition + ' ' + std::to_string(of.position);
  for (const auto& one : of.beyond)
    text += " +" + std::to_string(one.first) + '-' + std::to_string(one.last);
  return text;
}

/// "file 5 +7-9, 3 returned, quiet"
inline std::string said(const weir::internal::partition::given_back& done) {
  return said(done.settled) + ", " + std::to_string(done.returned) + " returned"
         + (done.now_quiet ? ", quiet" : "");
}

} // namespace settling
