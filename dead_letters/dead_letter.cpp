#include <weir/dead_letters/dead_letter.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace weir {

std::string_view to_string(dead_letter_state state) noexcept {
  switch (state) {
  case dead_letter_state::kept:
    return "kept";
  case dead_letter_state::requested:
    return "requested";
  case dead_letter_state::replaying:
    return "replaying";
  }
  return "unknown";
}

namespace {

std::uint32_t sum(std::uint32_t a, std::uint32_t b) {
  constexpr auto most = std::numeric_limits<std::uint32_t>::max();
  return a > most - b ? most : a + b;
}

} // namespace

dead_letter put_first(dead_letter letter, std::uint64_t id) {
  using std::chrono::milliseconds;
  letter.first_failed_at = std::chrono::floor<milliseconds>(letter.first_failed_at);
  letter.last_failed_at = std::chrono::floor<milliseconds>(letter.last_failed_at);
  letter.id = id;
  letter.state = dead_letter_state::kept;
  letter.edited_at.reset();
  return letter;
}

dead_letter put_again(const dead_letter& kept, dead_letter again) {
  if (again.attempts == 0)
    return kept;
  auto now = put_first(std::move(again), kept.id);
  const bool replayed = kept.state == dead_letter_state::replaying;
  if (replayed || now.first_failed_at > kept.last_failed_at)
    now.attempts = sum(kept.attempts, now.attempts);
  else
    now.attempts = std::max(kept.attempts, now.attempts);
  now.replay_count = std::max(now.replay_count, sum(kept.replay_count, replayed ? 1 : 0));
  now.first_failed_at = std::min(kept.first_failed_at, now.first_failed_at);
  now.last_failed_at = std::max(kept.last_failed_at, now.last_failed_at);
  if (now.key.empty())
    now.key = kept.key;
  if (now.trace_id.empty())
    now.trace_id = kept.trace_id;
  return now;
}

} // namespace weir
