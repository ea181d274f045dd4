#include <weir/mailbox/origin.hpp>
#include <weir/supervision/flight_slot.hpp>
#include <weir/supervision/heritage.hpp>
#include <weir/supervision/wreck.hpp>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <tuple>

namespace weir::internal {

using flight_file::deaths_kept;
using flight_file::suspects_kept;

namespace {

/// `known` with what a death adds: where `change` is applied to positions that were not known, they are added.
template <class Change>
std::vector<suspect> with(const std::vector<suspect>& known, const hand_range& range,
                          std::int64_t died_at, Change change) {
  std::vector<suspect> made;
  auto next = range.first; // not covered yet
  const auto add_new = [&](std::uint64_t first, std::uint64_t last) {
    suspect one{.stage = range.stage, .partition = range.partition, .first = first, .last = last};
    one.first_at = died_at;
    one.status = suspect::unknown_status;
    change(one);
    made.push_back(one);
  };
  for (auto one : known) {
    const bool meets = one.stage == range.stage && one.partition == range.partition
                       && one.first <= range.last && range.first <= one.last;
    if (!meets) {
      made.push_back(one);
      continue;
    }
    const auto whole = one;
    const auto first = std::max(one.first, range.first);
    const auto last = std::min(one.last, range.last);
    if (whole.first < first) {
      made.push_back(whole);
      made.back().last = first - 1;
    }
    if (last < whole.last) {
      made.push_back(whole);
      made.back().first = last + 1;
    }
    if (next < first)
      add_new(next, first - 1);
    next = last + 1;
    one.first = first;
    one.last = last;
    change(one);
    made.push_back(one);
  }
  if (next <= range.last)
    add_new(next, range.last);
  std::ranges::sort(made, {}, [](const suspect& one) {
    return std::tuple{one.stage, one.partition, one.first};
  });
  return made;
}

bool is_sound(const suspect& one) {
  return one.stage != 0 && one.partition != 0 && one.first <= one.last
         && one.last <= origin::position_max;
}

/// What earlier lives left, in the front of the file.
void take_known(heritage& into, const flight_file::front& old) {
  for (std::uint32_t k = 0; k < old.who.deaths; ++k)
    into.last.deaths.push_back({.at = flight_file::time_of(old.deaths[k].at),
                                .pid = old.deaths[k].pid,
                                .status = old.deaths[k].status == suspect::unknown_status
                                              ? std::nullopt
                                              : std::optional<int>{old.deaths[k].status},
                                .in_hand = flight_file::text_of(old.deaths[k].in_hand)});
  for (std::uint32_t k = 0; k < old.who.suspects; ++k)
    if (is_sound(old.suspects[k]))
      into.suspects.push_back(old.suspects[k]);
}

/// How the process of the file died.
struct cause {
  std::int32_t status;
  std::int64_t at;
};

/// What was in hand is suspected of the death; what had failed has failed as often.
void suspect_of(heritage& into, const wreck& found, const cause& of) {
  const bool alone = item_alone(found).has_value();
  for (const auto& range : found.in_hand)
    into.suspects = with(into.suspects, range, of.at, [&](suspect& one) {
      ++one.deaths;
      one.status = of.status;
      one.alone = alone ? 1 : 0;
    });
  for (const auto& range : found.failed)
    into.suspects = with(into.suspects, range, of.at, [&](suspect& one) {
      one.failures = std::max(one.failures, range.failures);
    });
  if (into.suspects.size() <= suspects_kept)
    return;
  into.last.remarks.push_back("the flight recorder keeps " + std::to_string(suspects_kept) + " of "
                              + std::to_string(into.suspects.size()) + " suspects");
  std::ranges::stable_sort(into.suspects, std::greater{}, &suspect::deaths);
  into.suspects.resize(suspects_kept);
}

} // namespace

heritage read_heritage(std::string_view bytes, const flight_file::front& old, std::int64_t now) {
  heritage made;
  const bool told = old.cause_pid == old.who.pid && old.cause_status != suspect::unknown_status;
  const bool ended_by_itself = old.running.load() == 0 && !told;
  if (ended_by_itself && old.who.suspects == 0)
    return made;
  take_known(made, old);
  if (ended_by_itself)
    return made;

  const auto found = read_wreck(bytes);
  if (found.damaged)
    made.last.remarks.emplace_back("a part of the flight recorder is damaged and was left out");
  if (found.left_out > 0)
    made.last.remarks.push_back("a batch from more than " + std::to_string(flight_slot::ranges_max)
                                + " sources was in hand: " + std::to_string(found.left_out)
                                + " of its items are not among the suspects");
  if (found.nameless > 0)
    made.last.remarks.push_back("some of what was in hand is of partitions without a name: "
                                + std::to_string(found.nameless)
                                + " ranges of it are not among the suspects");
  const auto of =
      told ? cause{old.cause_status, old.cause_at} : cause{suspect::unknown_status, now};
  suspect_of(made, found, of);
  if (made.last.deaths.size() == deaths_kept)
    made.last.deaths.erase(made.last.deaths.begin());
  made.last.died = true;
  made.last.deaths.push_back(
      {.at = flight_file::time_of(of.at),
       .pid = old.who.pid,
       .status = told ? std::optional<int>{of.status} : std::nullopt,
       .in_hand = in_hand_text(found.in_hand, sizeof(flight_file::kept_death::in_hand) - 1)});
  return made;
}

} // namespace weir::internal
