#include "scenario.hpp"

#include <algorithm>
#include <chrono>

namespace simulation {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using weir::testkit::seeded;

namespace {

constexpr std::string_view kind_names[] = {"map",   "map_noexcept", "filter", "emit",   "wait",
                                           "count", "broadcast",    "route",  "key_by", "batch"};

std::uint32_t between(seeded& chance, std::uint32_t first, std::uint32_t last) {
  return static_cast<std::uint32_t>(chance.between(first, last));
}

weir::retry_policy retry(seeded& chance) {
  return {.attempts = between(chance, 1, 4),
          .delay_min = milliseconds{chance.below(50)},
          .delay_max = milliseconds{chance.between(50, 2000)}};
}

weir::supervision_options drawn_supervision(seeded& chance) {
  constexpr weir::strategy all[] = {weir::one_for_one, weir::one_for_all, weir::rest_for_one};
  return {.strategy = all[chance.below(3)],
          .intensity = between(chance, 1, 12),
          .period = milliseconds{chance.between(500, 30'000)},
          .delays = {.delay_min = milliseconds{chance.below(20)},
                     .delay_max = milliseconds{chance.between(20, 500)}}};
}

bool may_hold_keys(const segment& one) {
  return one.kind == segment_kind::map || one.kind == segment_kind::filter
         || one.kind == segment_kind::emit || one.kind == segment_kind::count
         || one.kind == segment_kind::key_by || one.kind == segment_kind::wait;
}

std::uint64_t drawn_held_max(seeded& chance) {
  return chance.chance(0.5) ? chance.between(1, 4) : chance.between(5, 60);
}

segment drawn_segment(seeded& chance) {
  segment one;
  one.kind =
      static_cast<segment_kind>(chance.below(static_cast<std::size_t>(segment_kind::count_)));
  one.options.retry = retry(chance);
  one.options.mailbox_capacity = between(chance, 1, 4); // times the edges that lead there
  const bool waits = one.kind == segment_kind::wait;
  const bool alone = one.kind == segment_kind::batch || one.kind == segment_kind::broadcast
                     || one.kind == segment_kind::route;
  if (!alone && chance.chance(0.25))
    one.options.workers = between(chance, 2, 3);
  if (waits) {
    one.options.in_flight_max = between(chance, 1, 4);
    one.options.timeout = milliseconds{chance.between(5, 500)};
    if (chance.chance(0.3))
      one.options.order = weir::order::relaxed;
  }
  const bool takes_limits = one.kind == segment_kind::map || one.kind == segment_kind::filter
                            || one.kind == segment_kind::emit || one.kind == segment_kind::count;
  if (takes_limits && chance.chance(0.3)) {
    if (one.kind == segment_kind::map || one.kind == segment_kind::filter) {
      one.options.in_flight_max = between(chance, 1, 4);
      if (chance.chance(0.3))
        one.options.order = weir::order::relaxed;
    }
    if (chance.chance(0.5))
      one.options.item_time_max = milliseconds{chance.between(10, 200)};
  }
  if (waits && chance.chance(0.3))
    one.options.item_time_max = milliseconds{chance.between(10, 200)};
  if (!alone && chance.chance(0.2))
    one.options.rate = {
        .permits = between(chance, 10, 200), .per = 1s, .burst = between(chance, 1, 5)};
  if (chance.chance(0.3))
    one.options.execution = weir::execution::own_thread;
  one.batch = {.size_max = between(chance, 1, 5),
               .delay_max = milliseconds{chance.between(1, 300)}};
  if (one.kind == segment_kind::count && chance.chance(0.8))
    one.hold = milliseconds{chance.between(1, 300)};
  if (may_hold_keys(one) && chance.chance(0.3)) {
    one.held_max = drawn_held_max(chance);
    if (!waits) {
      one.options.in_flight_max = 1;
      one.options.order = weir::order::kept;
      one.options.item_time_max = {};
    }
    one.hold = {};
    if (one.kind != segment_kind::key_by)
      one.options.workers = 1;
    if ((one.kind == segment_kind::map || one.kind == segment_kind::filter) && chance.chance(0.5)) {
      one.options.in_flight_max = between(chance, 2, 4);
      if (chance.chance(0.3))
        one.options.order = weir::order::relaxed;
    }
  }
  return one;
}

sink_options drawn_sink(seeded& chance) {
  sink_options one;
  one.batched = chance.chance(0.5);
  one.batch = {.size_max = between(chance, 1, 6),
               .delay_max = milliseconds{chance.between(1, 300)}};
  one.stage.retry = {.attempts = chance.chance(0.6) ? weir::unlimited : between(chance, 1, 4),
                     .delay_min = milliseconds{chance.below(50)},
                     .delay_max = milliseconds{chance.between(50, 1000)}};
  one.stage.mailbox_capacity = between(chance, 1, 4);
  if (chance.chance(0.5))
    one.stage.execution = weir::execution::own_thread;
  if (chance.chance(0.2))
    one.stage.workers = between(chance, 2, 3);
  if (!one.batched && chance.chance(0.2))
    one.stage.in_flight_max = between(chance, 2, 4);
  if (one.stage.in_flight_max == 1 && chance.chance(0.3))
    one.stage.item_time_max = milliseconds{chance.between(10, 200)};
  if (chance.chance(0.2))
    one.stage.rate = {
        .permits = between(chance, 10, 200), .per = 1s, .burst = between(chance, 1, 5)};
  if (chance.chance(0.3)) {
    one.late = true;
    one.stage.in_flight_max = between(chance, 1, 8);
    one.stage.item_time_max = {};
    if (chance.chance(0.6))
      one.stage.timeout = milliseconds{chance.between(20, 2000)};
  }
  return one;
}

} // namespace

scenario scenario::drawn(std::uint64_t seed, const reduction& without) {
  seeded chance{mixed(seed, 0x5CE4)};
  scenario made;
  made.seed = seed;
  made.sources = chance.chance(0.2) ? 2 : 1;
  made.items = between(chance, 1, chance.chance(0.2) ? 60 : 20);
  if (without.items)
    made.items = *without.items;
  constexpr std::uint64_t strides[] = {1, 1, 1, 1, 2, 67, 100'000};
  made.stride = strides[chance.below(std::size(strides))];
  made.supervision = drawn_supervision(chance);
  for (std::size_t k = 0; k < made.sinks.size(); ++k) {
    seeded own{mixed(seed, 0x517C00 + k)};
    made.sinks[k] = drawn_sink(own);
  }
  if (chance.chance(0.2))
    made.fork = chance.chance(0.5) ? fork_kind::broadcast : fork_kind::route;
  made.chaos_steps = chance.chance(0.1) ? 0 : chance.between(20, 1500);
  made.replay_chaos_steps =
      made.chaos_steps == 0 || chance.chance(0.5) ? 0 : chance.between(20, 500);

  if (chance.chance(0.5))
    made.letters_waiting_max = between(chance, 1, 8);
  if (chance.chance(0.01) && !without.items) // mailboxes are small against that
    made.items = between(chance, 200, 800);

  if (made.sources > 1) {
    seeded own{mixed(seed, 0x50CE)};
    if (own.chance(0.4) && made.items <= 60)
      made.times[own.below(2)] = between(own, 2, 8);
    if (own.chance(0.3))
      made.slow_source = own.below(2);
  }

  if (seeded own{mixed(seed, 0x9A27)}; own.chance(0.35)) {
    made.partitioned = true;
    made.sources = between(own, 1, 3);
    made.times = {1, 1, 1};
    made.slow_source.reset();
  }

  const auto count = chance.below(5);
  for (std::size_t k = 0; k < count; ++k) {
    seeded own{mixed(seed, 0x5E6000 + k)}; // leaving one out doesn't change the others
    auto one = drawn_segment(own);
    if (k < without.segments.size() && without.segments[k])
      continue;
    if (made.has_batches()) // an item's position is that of a batch there
      one.held_max = 0;
    if (one.options.workers > 1 && one.kind != segment_kind::key_by)
      made.keeps_order = false;
    if (one.options.order == weir::order::relaxed)
      made.keeps_order = false;
    made.segments.push_back(one);
  }
  for (const auto at : made.sink_places())
    if (const auto options = made.options_at(at);
        options.workers > 1 || options.in_flight_max > 1 || made.sink_at(at).late)
      made.keeps_order = false; // what is to be run again holds nothing up
  if (made.fork == fork_kind::broadcast && made.sinks[0].batched
      && seeded{mixed(seed, 0x5BA7)}.chance(0.7)) {
    made.shares_batches = true;
    made.sinks[1].batched = true;
    made.sinks[1].batch = made.sinks[0].batch;
    made.sinks[1].stage.in_flight_max = made.sinks[1].late ? made.sinks[1].stage.in_flight_max : 1;
  }
  // A key that is held in one node isn't where its partition goes.
  if (made.partitioned)
    for (auto& one : made.segments)
      one.held_max = 0;
  seeded own{mixed(seed, 0x5E6100)};
  auto& last = made.sinks[0];
  const auto& stage = last.stage;
  if (!made.partitioned && made.fork == fork_kind::none && !last.batched && !made.has_batches()
      && stage.workers == 1 && stage.item_time_max.count() == 0 && own.chance(0.5))
    last.held_max = drawn_held_max(own);
  return made;
}

namespace {

std::string ms(milliseconds time) { return std::to_string(time.count()) + " ms"; }

/// What is not always the same of a stage's options.
std::string text_of(const weir::stage_options& options, bool has_rate) {
  const auto attempts = options.retry.attempts;
  std::string text = "(";
  if (options.workers > 1)
    text += std::to_string(options.workers) + " workers, ";
  text += "mailbox " + std::to_string(options.mailbox_capacity) + ", "
          + (attempts == weir::unlimited ? std::string{"unlimited"} : std::to_string(attempts))
          + (attempts == 1 ? " attempt" : " attempts") + " after " + ms(options.retry.delay_min)
          + " to " + ms(options.retry.delay_max);
  if (options.in_flight_max > 1)
    text += ", in flight " + std::to_string(options.in_flight_max)
            + (options.order == weir::order::relaxed ? ", relaxed" : "");
  if (options.timeout.count() > 0)
    text += ", timeout " + ms(options.timeout);
  if (options.item_time_max.count() > 0)
    text += ", an item at most " + ms(options.item_time_max);
  if (has_rate && options.rate.permits > 0)
    text += ", " + std::to_string(options.rate.permits) + " in " + ms(options.rate.per) + ", burst "
            + std::to_string(options.rate.burst);
  if (options.execution == weir::execution::own_thread)
    text += ", own thread";
  return text + ")";
}

std::string text_of(const weir::batch_options& options) {
  return "(" + std::to_string(options.size_max) + " items, " + ms(options.delay_max) + ")";
}

std::string held_text(std::uint64_t held_max) {
  return held_max == 0 ? "" : "[keys held, " + std::to_string(held_max) + " letters]";
}

constexpr std::string_view strategy_names[] = {"one_for_one", "one_for_all", "rest_for_one"};

} // namespace

std::vector<place> scenario::sink_places() const {
  if (fork == fork_kind::none)
    return {{segments.size(), 0}};
  return {{segments.size(), 1}, {segments.size(), 2}};
}

std::string scenario::describe() const {
  auto text = std::to_string(sources) + " source" + (sources == 1 ? "" : "s") + " of "
              + std::to_string(items) + " items (positions " + std::to_string(stride) + " apart)";
  for (std::size_t k = 0; k < sources; ++k)
    if (times[k] > 1)
      text += ", " + std::to_string(items_of(k)) + " in source-" + std::to_string(k);
  if (partitioned)
    text += ", partitions of one";
  if (slow_source)
    text += ", source-" + std::to_string(*slow_source) + " slow";
  for (std::size_t k = 0; k < segments.size(); ++k) {
    const auto& one = segments[k];
    const auto options = options_at({k, 1});
    text += " -> ";
    text += kind_names[static_cast<std::size_t>(one.kind)];
    if (one.kind == segment_kind::batch)
      text += text_of(one.batch);
    text += text_of(options, options.rate.permits > 0) + held_text(one.held_max);
    if (one.hold.count() > 0)
      text += " with a word " + ms(one.hold) + " after the first item";
  }
  if (shares_batches)
    text += " -> batch" + text_of(sinks[0].batch);
  if (fork != fork_kind::none)
    text += fork == fork_kind::broadcast ? " -> broadcast" : " -> route";
  for (const auto at : sink_places()) {
    const auto& one = sink_at(at);
    text += one.batched && !shares_batches ? " -> batch" + text_of(one.batch) : "";
    text += " -> " + stage_name(*this, at) + text_of(one.stage, true) + held_text(one.held_max)
            + (one.late ? " settles later" : "");
  }
  text += "; " + std::string{strategy_names[static_cast<std::size_t>(supervision.strategy)]}
          + ", intensity " + std::to_string(supervision.intensity) + " in " + ms(supervision.period)
          + ", restarts after " + ms(supervision.delays.delay_min) + " to "
          + ms(supervision.delays.delay_max) + ", letters on their way "
          + std::to_string(letters_waiting_max) + "; faults for " + std::to_string(chaos_steps)
          + " steps, and for " + std::to_string(replay_chaos_steps) + " of the replay";
  return text;
}

weir::stage_options scenario::options_at(place at) const {
  if (at.segment == no_segment)
    return {};
  if (at.segment >= segments.size())
    return ends_at(at) ? sink_at(at).stage : weir::stage_options{};
  const auto& one = segments[at.segment];
  auto options = one.options;
  switch (one.kind) {
  case segment_kind::broadcast:
  case segment_kind::route:
  case segment_kind::batch:
    if (at.leg == 0)
      return {};
    [[fallthrough]];
  case segment_kind::map_noexcept:
    options.rate = {};
    break;
  case segment_kind::key_by:
    options.workers = std::max(2U, options.workers);
    break;
  default:
    break;
  }
  return options;
}

bool scenario::is_exact() const {
  return fork != fork_kind::broadcast && !has_batches()
         && std::ranges::none_of(segments, [](const auto& one) {
              return one.kind == segment_kind::emit || one.kind == segment_kind::broadcast;
            });
}

bool scenario::may_change_hands() const {
  return partitioned && fork == fork_kind::none && !has_batches() && sinks[0].batched
         && sinks[0].stage.item_time_max.count() == 0;
}

bool scenario::runs_outside(place at) const {
  return options_at(at).item_time_max.count() > 0 || (ends_at(at) && sink_at(at).late)
         || (at.segment < segments.size() && segments[at.segment].kind == segment_kind::wait);
}

bool scenario::runs_again(place at) const {
  return at.segment < segments.size() && segments[at.segment].kind == segment_kind::count;
}

bool scenario::is_seen(place at) const {
  if (runs_outside(at)) // its success is known when the worker looks
    return false;
  if (at.segment >= segments.size())
    return at.leg > 0 || fork != fork_kind::broadcast;
  return at.leg > 0
         || (segments[at.segment].kind != segment_kind::broadcast
             && segments[at.segment].kind != segment_kind::batch);
}

std::optional<place> scenario::next_of_items(place at) const {
  const place next{at.segment + 1, 0};
  if (next.segment >= segments.size())
    return fork != fork_kind::none || sinks[0].batched || sinks[0].held_max > 0
               ? std::nullopt
               : std::optional{next};
  switch (segments[next.segment].kind) {
  case segment_kind::map:
  case segment_kind::filter:
  case segment_kind::emit:
  case segment_kind::key_by:
    if (held_max_at(next) > 0) // it may not take it for other reasons
      return std::nullopt;
    return next;
  default:
    return std::nullopt;
  }
}

bool scenario::keeps_order_before(place at) const {
  for (std::size_t k = 0; k < std::min(at.segment, segments.size()); ++k) {
    const auto& one = segments[k];
    if ((one.options.workers > 1 && one.kind != segment_kind::key_by)
        || one.options.order == weir::order::relaxed)
      return false;
  }
  return true;
}

std::uint64_t scenario::held_max_at(place at) const {
  if (at.segment == no_segment || at.leg > 0)
    return 0;
  return at.segment < segments.size() ? segments[at.segment].held_max : sinks[0].held_max;
}

bool scenario::has_held_keys() const {
  return sinks[0].held_max > 0
         || std::ranges::any_of(segments, [](const auto& one) { return one.held_max > 0; });
}

bool scenario::has_batches() const {
  return std::ranges::find(segments, segment_kind::batch, &segment::kind) != segments.end();
}

std::string stage_name(const scenario& of, place where) {
  if (where.segment == no_segment)
    return "source-" + std::to_string(where.leg);
  if (where.segment >= of.segments.size()) {
    constexpr std::string_view names[] = {"fork", "sink-left", "sink-right"};
    return of.fork == fork_kind::none ? "sink" : std::string{names[where.leg]};
  }
  auto name = std::string{kind_names[static_cast<std::size_t>(of.segments[where.segment].kind)]}
              + "-" + std::to_string(where.segment);
  if (where.leg > 0)
    name += where.leg == 1 ? "-left" : "-right";
  return name;
}

std::optional<place> place_of(const scenario& of, std::string_view stage) {
  for (std::size_t k = 0; k <= of.segments.size(); ++k)
    for (std::size_t leg = 0; leg < 3; ++leg)
      if (stage_name(of, {k, leg}) == stage)
        return place{k, leg};
  for (std::size_t k = 0; k < of.sources; ++k)
    if (stage_name(of, source_place(k)) == stage)
      return source_place(k);
  return std::nullopt;
}

thing mapped(thing in, std::size_t segment, std::size_t leg) {
  in.path = mixed(in.path, segment * 4 + leg);
  if (leg > 0)
    in.branch = in.branch * 3 + static_cast<std::uint32_t>(leg);
  return in;
}

bool is_kept(const thing& in, std::size_t segment) {
  return mixed(in.path + in.id, segment + 1000) % 4 != 0;
}

std::size_t emitted_count(const thing& in, std::size_t segment) {
  return mixed(in.path + in.id, segment + 2000) % 4;
}

thing emitted(thing in, std::size_t segment, std::size_t index) {
  in.path = mixed(in.path, 0x10000 + segment * 8 + index);
  return in;
}

bool goes_left(const thing& in, std::size_t segment) {
  return mixed(in.path + in.id, segment + 3000) % 2 == 0;
}

std::vector<thing> outcomes(const scenario& of, thing in, place from) {
  std::vector<thing> now{in};
  for (auto k = from.segment; k < of.segments.size(); ++k) {
    const auto leg = k == from.segment ? from.leg : 0;
    std::vector<thing> next;
    for (const auto& one : now) {
      switch (of.segments[k].kind) {
      case segment_kind::filter:
        if (is_kept(one, k))
          next.push_back(mapped(one, k, 0));
        break;
      case segment_kind::emit:
        for (std::size_t n = 0; n < emitted_count(one, k); ++n)
          next.push_back(emitted(one, k, n));
        break;
      case segment_kind::broadcast:
        if (leg != 2)
          next.push_back(mapped(one, k, 1));
        if (leg != 1)
          next.push_back(mapped(one, k, 2));
        break;
      case segment_kind::route:
        next.push_back(mapped(one, k, leg != 0 ? leg : goes_left(one, k) ? 1 : 2));
        break;
      case segment_kind::batch:
        next.push_back(one);
        break;
      default:
        next.push_back(mapped(one, k, 0));
      }
    }
    now = std::move(next);
  }
  if (of.fork == fork_kind::none)
    return now;
  // With two sinks, a row tells in which it is.
  const auto end = of.segments.size();
  const auto leg = from.segment == end ? from.leg : 0;
  std::vector<thing> rows;
  for (const auto& one : now)
    if (of.fork == fork_kind::route) {
      rows.push_back(mapped(one, end, leg != 0 ? leg : goes_left(one, end) ? 1 : 2));
    } else {
      if (leg != 2)
        rows.push_back(mapped(one, end, 1));
      if (leg != 1)
        rows.push_back(mapped(one, end, 2));
    }
  return rows;
}

} // namespace simulation
