#include "late_calls.hpp"

#include "world.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>

namespace simulation {

using weir::clock;

void late_calls::begin_life() {
  open_.clear(); // their runs are gone
}

late_calls::sink_id late_calls::begins(place at, std::uint32_t worker) {
  return {.at = at, .worker = worker, .life = ++lives_[{at, worker}]};
}

void late_calls::add(call one) {
  const auto options = of_.options_at(one.whose.at);
  open_.push_back(std::move(one));
  const auto& whose = open_.back().whose;
  const auto in_hand = std::ranges::count_if(
      open_, [&](const call& other) { return other.whose == whose && counts(other); });
  // What was given back is let go, and its place is free.
  if (in_hand > options.in_flight_max && !of_.partitioned)
    in_.violated("in hand: a sink that settles later was given " + std::to_string(in_hand)
                 + " at a time in " + stage_name(of_, whose.at));
}

void late_calls::ends(const sink_id& one) {
  std::vector<call> gone; // dropping one may make a worker's run end
  for (auto at = open_.begin(); at != open_.end();)
    if (at->whose == one && !in_.faults.fires(fault::late_zombie)) {
      gone.push_back(std::move(*at));
      at = open_.erase(at);
    } else {
      ++at;
    }
}

bool late_calls::settles(const call& one) const {
  return !one.never || in_.faults.healed()
         || clock::now() >= one.began + of_.options_at(one.whose.at).timeout;
}

bool late_calls::any() const {
  return std::ranges::any_of(open_, [this](const call& one) { return settles(one); });
}

bool late_calls::counts(const call& one) const {
  const auto timeout = of_.options_at(one.whose.at).timeout;
  const auto life = lives_.find({one.whose.at, one.whose.worker});
  return life->second == one.whose.life
         && (timeout.count() == 0 || clock::now() < one.began + timeout);
}

void late_calls::settle(std::size_t which) {
  const auto count = std::ranges::count_if(open_, [this](const call& one) { return settles(one); });
  auto left = which % static_cast<std::size_t>(count);
  const auto chosen =
      std::ranges::find_if(open_, [&](const call& one) { return settles(one) && left-- == 0; });
  auto one = std::move(*chosen);
  open_.erase(chosen);
  settle(std::move(one));
}

void late_calls::settle_all(const sink_id& one) {
  std::vector<call> mine;
  for (auto at = open_.begin(); at != open_.end();)
    if (at->whose == one && !at->never) {
      mine.push_back(std::move(*at));
      at = open_.erase(at);
    } else {
      ++at;
    }
  for (auto& each : mine)
    settle(std::move(each));
}

void late_calls::settle(call one) {
  const auto at = one.whose.at;
  const bool told = counts(one) && in_.time_is_smooth();
  const auto& first = one.items.front();
  const auto ends = [&](const weir::failure* why) {
    if (told)
      in_.watch.run_ends(at, first, why);
  };
  if (!counts(one))
    in_.faults.came_about(event::settled_too_late);
  if (in_.fenced() || in_.faults.fires(fault::late_dropped)) {
    const auto why = weir::transient("dropped");
    ends(&why);
    return;
  }
  std::optional<weir::failure> why;
  try {
    why = store(one);
  } catch (const std::exception& thrown) {
    why = weir::transient(thrown.what());
  }
  ends(why ? &*why : nullptr);
  if (why)
    one.token.failed(std::move(*why));
  else
    one.token.stored(std::move(one.outcome));
}

std::optional<weir::failure> late_calls::store(call& one) {
  // Where nobody waits any more it is run again, or was.
  if (!counts(one) || !in_.time_is_smooth())
    in_.may_repeat(one.rows);
  const bool batched = of_.sink_at(one.whose.at).batched;
  if (auto fenced = in_.fenced_by(one.points); !fenced.empty()) {
    if (batched) {
      in_.faults.came_about(event::batch_fenced);
      in_.rows_left_out();
      one.outcome = {.filtered = {}, .rejected = {}, .fenced = std::move(fenced)};
      return std::nullopt;
    }
    if (!of_.has_batches())
      return weir::transient("another node has claimed the partition");
    std::erase_if(one.points, [&](const auto& point) {
      return std::ranges::find(fenced, point.partition) != fenced.end();
    });
  }
  for (const auto& row : one.rows)
    in_.arrived(row);
  in_.stored(one.rows, one.points);
  if (in_.faults.fires(fault::node_crashes_after_a_row)) {
    in_.crash_asked = true;
    in_.fence();
  }
  if (in_.faults.fires(fault::sink_answer_lost)) {
    in_.may_repeat(one.rows);
    return weir::transient("the connection was lost, perhaps after the commit");
  }
  return std::nullopt;
}

} // namespace simulation
