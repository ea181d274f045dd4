#include "world.hpp"

#include <weir/stages/payload.hpp>

#include <algorithm>

namespace simulation {

namespace {

std::string text_of(const thing& one) { return "item " + weir_payload(one); }

std::uint32_t id_of(std::size_t source, std::uint32_t number) {
  return static_cast<std::uint32_t>(source << 24U) + number;
}

constexpr std::uint32_t on_timer = 0x400000; // its numbers are beyond that

} // namespace

world::world(const scenario& of, fault_table& all, std::vector<std::string>* trace)
    : drawn{of}, faults{all}, trace_{trace}, positions_(of.sources), claimed_(of.sources) {
  for (std::size_t source = 0; source < of.sources; ++source)
    positions_[source].partition = "source-" + std::to_string(source);
  for (std::size_t source = 0; source < of.sources; ++source)
    for (std::uint32_t number = 1; number <= of.items_of(source); ++number) {
      const auto id = id_of(source, number);
      expect(id, outcomes(of, {.id = id}, {}));
    }
}

void world::expect(std::uint32_t id, std::vector<thing> all_of_it) {
  if (all_of_it.empty())
    return;
  missing_ += all_of_it.size();
  uncovered_[id] = {all_of_it.begin(), all_of_it.end()};
}

thing world::last_word(std::size_t segment, std::uint32_t worker) {
  const auto number = life_ * 1000 + static_cast<std::uint32_t>(segment) * 10 + worker;
  const thing said{.id = id_of(no_source, number), .path = segment};
  if (!fenced_ && said_.insert(said.id).second)
    expect(said.id, outcomes(drawn, said, {segment + 1, 0}));
  return said;
}

thing world::word(std::size_t segment) {
  return {.id = id_of(no_source, on_timer + ++words_), .path = segment};
}

void world::said(const thing& one) {
  if (!fenced_)
    expect(one.id, outcomes(drawn, one, {static_cast<std::size_t>(one.path) + 1, 0}));
}

void world::stall(std::uint64_t salt) {
  if (!fenced_ && faults.fires(fault::function_stalls))
    pass_time(std::chrono::milliseconds{1 + salt % 9}); // less than any limit
}

void world::others_go_on_if(fault slow) {
  if (!fenced_ && faults.fires(slow))
    others_go_on();
}

void world::note(std::string line) const {
  if (trace_ != nullptr)
    trace_->push_back(std::move(line));
}

void world::violated(std::string what) {
  if (violation_.empty())
    violation_ = std::move(what);
}

void world::begin_life() {
  ++life_;
  fenced_ = false;
  crash_asked = false;
  last_of_key_.clear();
  admitted_.clear();
  lettered_.clear();
  came_again_.clear();
  rows_left_out_ = false;
  watch.begin_life();
  late.begin_life();
  keys.begin_life();
  // What earlier lives had to say last, and did not get out, belongs to no position: it is gone.
  for (auto one = uncovered_.lower_bound(id_of(no_source, 0)); one != uncovered_.end();
       one = uncovered_.erase(one))
    missing_ -= one->second.size();
}

void world::end_life(bool clean) {
  if (clean)
    return;
  last_unclean_ = life_;
  keys.life_lost();
  // The source reads their items once more: then there may be a row, and the letter is there still.
  fenced_ = false;
  for (const auto& one : letters.letters()) {
    const auto held = held_by(one);
    repeatable_.insert(held.begin(), held.end());
  }
}

void world::cover(const thing& one) {
  const auto mine = uncovered_.find(one.id);
  if (mine != uncovered_.end() && mine->second.erase(one) > 0) {
    --missing_;
    if (mine->second.empty())
      uncovered_.erase(mine);
  }
}

/// The last position of a source up to which everything has been stored or dead-lettered.
std::uint64_t world::covered_up_to(std::size_t source) const {
  const auto first = uncovered_.lower_bound(id_of(source, 0));
  if (first == uncovered_.end() || first->first >= id_of(source + 1, 0))
    return ~std::uint64_t{0};
  return drawn.position_of(first->first) - 1;
}

void world::arrived(const thing& one) {
  fingerprint = mixed(fingerprint, one.path + one.id);
  if (repeatable_.contains(one) || were_dead_lettered_.contains(one))
    return; // it comes again, or late, between others
  if (one.id >= id_of(no_source, on_timer))
    return; // of several stages: in no order
  auto& last = last_of_key_[{key_of(one), (one.branch << 8U) + (one.id >> 24U)}];
  if (drawn.keeps_order && one.id < last && !came_again_.contains(one.id >> 24U))
    violated("order: " + text_of(one) + " came after item " + std::to_string(last)
             + " of the same key and branch");
  last = one.id;
}

weir::partition_point world::claim(std::size_t source) {
  auto& mine = positions_[source];
  ++mine.epoch;
  claimed_[source] = mine;
  if (tracing())
    note("    claimed " + mine.partition + " behind " + std::to_string(mine.position) + ", epoch "
         + std::to_string(mine.epoch));
  return mine;
}

void world::claimed_elsewhere(std::size_t source) {
  auto& mine = positions_[source];
  ++mine.epoch;
  came_again_ever_.insert(source);
  if (tracing())
    note("    " + mine.partition + " is claimed by another node");
  for (std::uint32_t number = 1; number <= drawn.items_of(source); ++number) {
    const auto id = id_of(source, number);
    const auto position = drawn.position_of(id);
    if (weir::is_settled(mine, position))
      continue;
    for (const auto& row : outcomes(drawn, {.id = id}, {})) {
      const bool is_new = rows_.try_emplace(row, life_).second;
      if (is_new && were_dead_lettered_.contains(row)) // its letter is there still
        repeatable_.insert(row);
      cover(row);
    }
    weir::add_settled(
        mine,
        {.partition = mine.partition, .position = 0, .beyond = {{position, position}}, .epoch = 0});
    return;
  }
}

std::vector<std::string> world::fenced_by(std::span<const weir::partition_point> points) const {
  std::vector<std::string> names;
  for (const auto& one : points)
    for (const auto& known : positions_)
      if (known.partition == one.partition && known.epoch != one.epoch)
        names.push_back(one.partition);
  return names;
}

void world::stored(std::span<const thing> rows, std::span<const weir::partition_point> positions) {
  if (fenced_)
    return;
  for (const auto& one : rows) {
    if (is_of_a_source(one) && weir::is_settled(claimed_[one.id >> 24U], drawn.position_of(one.id))
        && !repeatable_.contains(one) && !were_dead_lettered_.contains(one))
      violated("read again: " + text_of(one) + " was settled before");
    const auto [mine, is_new] = rows_.try_emplace(one, life_);
    // What an item leads to is stored in several transactions, of which the last one settles it.
    // And the letters are not fenced with the rows.
    const bool again = (!drawn.is_exact() || were_dead_lettered_.contains(one))
                       && came_again_ever_.contains(one.id >> 24U);
    if (!is_new && mine->second > last_unclean_ && !repeatable_.contains(one) && !again)
      violated("stored twice: " + text_of(one) + ", in life " + std::to_string(mine->second)
               + " and again in life " + std::to_string(life_));
    mine->second = life_;
    cover(one);
    if (tracing())
      note("    stored " + weir_payload(one));
  }
  for (const auto& one : positions) {
    if (!one.partition.starts_with("source-")) {
      violated("a position of '" + one.partition + "', which is no source, is to be stored");
      continue;
    }
    const auto source = static_cast<std::size_t>(one.partition.back() - '0');
    auto& known = positions_[source];
    if (one.epoch != known.epoch) {
      violated("fence: a point of " + one.partition + " with epoch " + std::to_string(one.epoch)
               + " is to be stored, it has " + std::to_string(known.epoch));
      continue;
    }
    if (tracing())
      note("    position of " + one.partition + " is " + std::to_string(one.position) + ", and "
           + std::to_string(one.beyond.size()) + " ranges beyond");
    if (one.position > covered_up_to(source))
      violated("early commit: position " + std::to_string(one.position) + " of " + one.partition
               + " was stored, but everything is accounted for up to "
               + std::to_string(covered_up_to(source)) + " only");
    for (const auto& range : one.beyond)
      for (auto mine = uncovered_.lower_bound(
               id_of(source, static_cast<std::uint32_t>(range.first / drawn.stride)));
           mine != uncovered_.end() && mine->first <= id_of(source, drawn.items_of(source));
           ++mine) {
        const auto position = drawn.position_of(mine->first);
        if (position > range.last)
          break;
        if (position >= range.first)
          violated("early commit: position " + std::to_string(position) + " of " + one.partition
                   + " was stored, beyond " + std::to_string(one.position)
                   + ", but is not accounted for");
      }
    weir::add_settled(known, one);
  }
}

void world::may_repeat(std::span<const thing> rows) {
  repeatable_.insert(rows.begin(), rows.end());
}

std::vector<thing> world::items_of(const weir::dead_letter& letter) {
  if (letter.payload_type.find("batch") != std::string::npos) {
    if (auto read = weir::from_payload<weir::batch<thing>>(letter.payload))
      return std::move(read->items);
  } else if (auto read = weir::from_payload<thing>(letter.payload)) {
    return {*read};
  }
  return {};
}

std::vector<thing> world::held_by(const weir::dead_letter& letter) {
  const auto where = place_of(drawn, letter.stage);
  const auto items = items_of(letter);
  if (!where || items.empty()) {
    violated("a dead letter of '" + letter.stage + "' that can't be read: '" + letter.payload
             + "'");
    return {};
  }
  // What was in a batch and is taken apart is known by the position of the batch's first item.
  bool batched = false;
  for (std::size_t k = 0; k < std::min(where->segment, drawn.segments.size()); ++k)
    batched = batched || drawn.segments[k].kind == segment_kind::batch;
  const bool of_a_source = is_of_a_source(items.front());
  const auto position = drawn.position_of(items.front().id);
  // A row of a batch that was a letter itself, and was replayed, is known by the position of the batch.
  const bool of_a_letter =
      drawn.ends_at(*where) && drawn.sink_at(*where).batched
      && std::ranges::any_of(outcomes(drawn, items.front(), *where),
                             [&](auto& row) { return were_dead_lettered_.contains(row); });
  if (of_a_source && !of_a_letter && (batched ? letter.position == 0 : letter.position != position))
    violated("a dead letter of position " + std::to_string(letter.position) + " holds "
             + text_of(items.front()));
  std::vector<thing> all;
  for (const auto& item : items)
    for (const auto& one : outcomes(drawn, item, *where))
      all.push_back(one);
  return all;
}

void world::dead_lettered(const weir::dead_letter& letter) {
  if (fenced_)
    return;
  if (tracing())
    note("    dead letter of " + letter.stage + ": " + letter.payload + " " + letter.why.message());
  if (letter.why.chain.empty() || letter.payload.empty()) {
    violated("a dead letter without cause or payload, from " + letter.stage);
    return;
  }
  const auto items = items_of(letter);
  if (const auto at = place_of(drawn, letter.stage); at && !items.empty())
    watch.dead_lettered(*at, items, letter);
  if (const auto at = place_of(drawn, letter.stage); at && items.size() == 1)
    keys.dead_lettered(*at, items.front(), letter);
  for (const auto& one : items)
    lettered_.insert(one.id);
  for (const auto& one : held_by(letter)) {
    // Whoever has the partition now may have stored it, or will: the letters are not fenced with the rows.
    if (came_again_ever_.contains(one.id >> 24U))
      repeatable_.insert(one);
    const auto mine = rows_.find(one);
    if (mine != rows_.end() && mine->second > last_unclean_ && !repeatable_.contains(one))
      violated("dead-lettered though it was stored: " + text_of(one));
    were_dead_lettered_.insert(one);
    cover(one);
  }
}

void world::letters_removed(const std::vector<weir::dead_letter>& before,
                            const std::vector<weir::dead_letter>& after) {
  if (fenced_)
    return;
  std::set<std::uint64_t> kept;
  std::set<thing> held;
  for (const auto& one : after) {
    kept.insert(one.id);
    for (const auto& item : held_by(one))
      held.insert(item);
  }
  for (const auto& one : before) {
    if (kept.contains(one.id))
      continue;
    if (tracing())
      note("    replayed, and no letter any more: " + one.stage + ": " + one.payload);
    keys.replayed(one);
    for (const auto& item : held_by(one))
      if (!rows_.contains(item) && !held.contains(item))
        violated("lost by a replay: " + text_of(item) + " is neither a row nor in another letter");
  }
}

void world::check_loop_guard(const std::vector<weir::dead_letter>& before,
                             const std::vector<weir::dead_letter>& after,
                             const weir::replay_terms& terms) {
  // Nothing else happens in between: they are the same letters in the same order.
  for (std::size_t k = 0; k < before.size() && k < after.size(); ++k)
    if (before[k].state == weir::dead_letter_state::kept
        && after[k].state != weir::dead_letter_state::kept && !terms.forced
        && before[k].replay_count >= terms.replays_max)
      violated("replay: letter " + std::to_string(before[k].id) + " is to be replayed again, after "
               + std::to_string(before[k].replay_count) + " times of "
               + std::to_string(terms.replays_max));
}

bool world::all_rows() const {
  for (std::size_t source = 0; source < drawn.sources; ++source)
    for (std::uint32_t number = 1; number <= drawn.items_of(source); ++number)
      for (const auto& one : outcomes(drawn, {.id = id_of(source, number)}, {}))
        if (!rows_.contains(one))
          return false;
  return true;
}

void world::put(std::uint32_t id) {
  if (weir::is_settled(claimed_[id >> 24U], drawn.position_of(id)))
    faults.came_about(event::row_left_out);
  else
    admitted_.insert(id);
}

void world::partition_closed(const weir::closed_partition& one) {
  const auto source = static_cast<std::size_t>(one.settled.partition.back() - '0');
  came_again_.insert(source);
  came_again_ever_.insert(source);
  if (one.returned > 0)
    faults.came_about(event::item_returned);
  if (tracing())
    note("    " + one.settled.partition + " is closed, " + std::to_string(one.returned)
         + " items were returned" + (one.fenced ? ", fenced" : ""));
}

void world::check_outcomes(const weir::ledger_totals& totals) {
  // Of what was replayed only its letter is known; and what a source had put aside as it ended isn't in.
  if (totals.replayed > 0 || totals.returned > 0 || totals.admitted != admitted_.size())
    return;
  std::uint64_t filtered = 0;
  std::uint64_t lettered = 0;
  for (const auto id : admitted_) {
    if (lettered_.contains(id))
      ++lettered;
    else if (outcomes(drawn, {.id = id}, {}).empty())
      ++filtered;
  }
  // Items of a batch share the gravest outcome of its rows.
  const bool right = drawn.has_batches()
                         ? totals.dead_lettered >= lettered
                         : totals.dead_lettered == lettered && totals.filtered == filtered;
  if (!right || totals.dropped > 0)
    violated("outcomes: " + std::to_string(lettered) + " items are dead letters and "
             + std::to_string(filtered) + " were filtered, but the ledger says "
             + to_string(totals));
}

void world::rate_used(place at, std::uint64_t now_ns) {
  const auto options = drawn.options_at(at);
  const auto& rate = options.rate;
  // With a limit on its time a run goes on elsewhere, a while after its permit was taken. And in a slice all permits
  // are taken before the first function stalls.
  if (rate.permits == 0 || options.item_time_max.count() > 0
      || faults.fired(fault::function_stalls) > 0)
    return;
  auto& all = calls_[at];
  all.push_back(now_ns);
  const auto per = static_cast<std::uint64_t>(std::chrono::nanoseconds{rate.per}.count());
  for (std::size_t k = all.size(); k-- > 0;) {
    const auto window = now_ns - all[k];
    const auto most = rate.burst + (window * rate.permits + per - 1) / per;
    if (all.size() - k > most) {
      violated("rate: " + std::to_string(all.size() - k) + " runs within "
               + std::to_string(window / 1000) + " us, " + std::to_string(most) + " are allowed");
      return;
    }
  }
}

void world::in_flight(std::size_t segment, std::int64_t running) {
  const auto& options = drawn.segments[segment].options;
  if (running > std::int64_t{options.in_flight_max} * options.workers)
    violated("in flight: " + std::to_string(running) + " runs at a time in "
             + stage_name(drawn, {segment, 0}));
}

std::string world::what_is_missing() const {
  if (uncovered_.empty())
    return {};
  return text_of(*uncovered_.begin()->second.begin()) + " (" + std::to_string(missing_)
         + " in all) was neither stored nor dead-lettered";
}

} // namespace simulation
