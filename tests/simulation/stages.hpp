#pragma once

#include "world.hpp"

#include <weir/actors/sleep.hpp>
#include <weir/pipeline/pipeline.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/stages/partitions.hpp>
#include <weir/stages/position_store.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// What a user would write: sources, stages, sinks and stores, all of which may fail.
namespace simulation {

/// How many runs of each awaitable stage there are now, in one life.
using running_counts = std::map<std::size_t, std::int64_t>;

/// Throws or fails if one of the faults of a stage fires.
inline std::optional<weir::failure> trouble(world& in) {
  auto& faults = in.faults;
  if (faults.fires(fault::stage_throws))
    throw std::runtime_error{"thrown"};
  if (faults.fires(fault::stage_throws_a_number))
    throw 42;
  if (faults.fires(fault::stage_out_of_memory))
    throw std::bad_alloc{};
  if (faults.fires(fault::stage_poison))
    return weir::poison("refused");
  if (faults.fires(fault::stage_transient))
    return weir::transient("not now");
  if (faults.fires(fault::stage_fatal))
    return weir::fatal("in doubt");
  return std::nullopt;
}

inline std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(weir::clock::now().time_since_epoch().count());
}

/// One run of an item, with the oracle looking on; nothing where the run was abandoned, and nobody waits for it.
template <class Function>
auto watched(world& in, place at, const thing& one, weir::context& where, Function function)
    -> decltype(function()) {
  if (!where.progress())
    return weir::transient("abandoned");
  const bool alone =
      !in.drawn.ends_at(at) || !in.drawn.sink_at(at).batched; // it is when it was taken
  if (alone && in.drawn.options_at(at).item_time_max.count() > 0)
    in.watch.item_taken(at, one);
  in.watch.run_begins(at, where.worker_index(), one);
  const bool holds_keys = in.drawn.held_max_at(at) > 0;
  if (holds_keys)
    in.keys.run_begins(at, one);
  try {
    if (in.drawn.options_at(at).item_time_max.count() == 0) // else that time is drawn
      in.stall(one.path);
    auto answer = function();
    in.watch.run_ends(at, one, answer ? nullptr : &answer.error());
    if (holds_keys && answer)
      in.keys.passed(at, one);
    return answer;
  } catch (...) {
    const auto why = weir::fatal("thrown");
    in.watch.run_ends(at, one, &why);
    throw;
  }
}

/// A source whose reading goes on where the world says.
struct numbered_source {
  using output = thing;
  world* in;
  std::size_t index;
  std::optional<std::uint32_t> next = {};
  bool rested = false; // a slow one, since its last item

  std::string partition() const { return "source-" + std::to_string(index); }

  weir::result<void> on_start(weir::context&) {
    in->watch.started(source_place(index), 0);
    return {};
  }

  weir::result<weir::source_state> poll(weir::intake<thing>& to, weir::context& where) {
    if (!next) {
      in->watch.source_begins(index, where.last_position());
      next = static_cast<std::uint32_t>(where.last_position() / in->drawn.stride) + 1;
    }
    if (in->faults.fires(fault::source_fails))
      return weir::transient("the file is gone for a moment");
    if (in->faults.fires(fault::source_throws))
      throw std::runtime_error{"thrown by the source"};
    if (in->faults.fires(fault::source_waits)) {
      where.wake_at(where.now() + std::chrono::milliseconds{3});
      return weir::source_state::wait;
    }
    const bool slow = in->drawn.slow_source == index;
    if (slow && !std::exchange(rested, true)) {
      where.wake_at(where.now() + std::chrono::milliseconds{20});
      return weir::source_state::wait;
    }
    const auto items = in->drawn.items_of(index);
    while (to.room() > 0 && *next <= items) {
      in->stall(*next);
      const auto id = static_cast<std::uint32_t>(index << 24U) + *next;
      to.put({.id = id}, in->drawn.position_of(id));
      ++*next;
      in->watch.source_put(index, in->drawn.position_of(id));
      in->put(id);
      if (in->faults.fires(fault::source_fails_after_an_item))
        return weir::transient("the file ends in the middle of a line");
      if (in->faults.fires(fault::source_throws_after_an_item))
        throw std::runtime_error{"thrown by the source"};
      if (slow) {
        rested = false;
        break;
      }
    }
    if (*next <= items)
      return weir::source_state::more;
    in->watch.source_ended(index);
    return weir::source_state::done;
  }
};

/// A source whose partitions are taken away and given back while it reads.
struct partitioned_source {
  using output = thing;
  static constexpr bool opens_partitions = true;

  world* in;
  /// The number of the next item of each that is open, by its id.
  std::map<weir::partition_id, std::uint32_t> next = {};

  weir::result<void> on_start(weir::context& where) {
    in->watch.started(source_place(0), 0);
    for (const auto one : where.partitions().all()) // what was put before is on its way
      next[one] = number_behind(where, one);
    return {};
  }

  weir::result<weir::source_state> poll(weir::intake<thing>& to, weir::context& where) {
    take_back(where);
    if (in->faults.fires(fault::source_fails))
      return weir::transient("the broker is gone for a moment");
    if (in->faults.fires(fault::source_throws))
      throw std::runtime_error{"thrown by the source"};
    if (auto opened = open_missing(where); !opened)
      return std::move(opened.error());
    bool closing = false;
    bool left = false;
    for (auto& [id, number] : next) {
      const auto source = source_of(where, id);
      if (!where.partitions().closing(id) && in->faults.fires(fault::partition_closes))
        where.partitions().close(id, where.now()
                                         + std::chrono::milliseconds{
                                             in->faults.fired(fault::partition_closes) % 3 * 20});
      closing = closing || where.partitions().closing(id);
      for (; number <= in->drawn.items_of(source) && to.room(id) > 0; ++number) {
        in->stall(number);
        const auto item = static_cast<std::uint32_t>(source << 24U) + number;
        to.put({.id = item}, in->drawn.position_of(item), id);
        in->watch.source_put(0, in->drawn.position_of(item));
        in->put(item);
        if (in->faults.fires(fault::source_throws_after_an_item)) {
          ++number;
          throw std::runtime_error{"thrown by the source"};
        }
      }
      left = left || number <= in->drawn.items_of(source);
    }
    if (left || closing) // it stopped for want of room, and is woken
      return weir::source_state::wait;
    for (std::size_t k = 0; k < in->drawn.sources; ++k)
      in->watch.source_ended(k);
    return weir::source_state::done;
  }

  void on_drain(weir::context& where) { take_back(where); }

private:
  static std::size_t source_of(weir::context& where, weir::partition_id id) {
    return static_cast<std::size_t>(where.partitions().name(id).back() - '0');
  }
  std::uint32_t number_behind(weir::context& where, weir::partition_id id) const {
    return static_cast<std::uint32_t>(where.partitions().last_position(id) / in->drawn.stride) + 1;
  }
  void take_back(weir::context& where) {
    for (const auto& one : where.partitions().take_closed()) {
      next.erase(one.id);
      in->partition_closed(one);
    }
  }
  weir::result<void> open_missing(weir::context& where) {
    for (std::size_t k = 0; next.size() < in->drawn.sources && k < in->drawn.sources; ++k) {
      const auto name = "source-" + std::to_string(k);
      bool open = false;
      for (const auto& [id, number] : next)
        open = open || where.partitions().name(id) == name;
      if (open)
        continue;
      auto opened = where.partitions().open(name);
      if (!opened)
        return std::move(opened.error());
      next[*opened] = number_behind(where, *opened);
    }
    return {};
  }
};

/// Where the positions are: in the same store as the rows.
class position_port final : public weir::position_store {
public:
  explicit position_port(world& where) : in_{where} {}

  weir::result<std::vector<weir::partition_point>>
  claim(const std::string&, std::span<const std::string> partitions) override {
    if (in_.fenced() || in_.faults.fires(fault::positions_fail))
      return weir::transient("the positions can't be read");
    std::vector<weir::partition_point> points;
    for (const auto& one : partitions)
      points.push_back(in_.claim(static_cast<std::size_t>(one.back() - '0')));
    return points;
  }

  weir::result<std::vector<std::string>>
  store(const std::string&, std::span<const weir::partition_point> points) override {
    if (in_.fenced() || in_.faults.fires(fault::positions_fail))
      return weir::transient("the positions can't be stored");
    auto fenced = in_.fenced_by(points);
    std::vector<weir::partition_point> mine;
    for (const auto& one : points)
      if (std::ranges::find(fenced, one.partition) == fenced.end())
        mine.push_back(one);
    in_.stored({}, mine);
    if (in_.faults.fires(fault::positions_answer_lost))
      return weir::transient("the answer was lost");
    return fenced;
  }

  std::string name() const override { return "the world"; }

private:
  world& in_;
};

/// What stages have in common: the world, and where in the pipeline they are.
struct placed {
  world* in;
  place at;
  weir::result<void> on_start(weir::context& where) {
    in->watch.started(at, where.worker_index());
    return {};
  }
};

struct start_may_fail : placed {
  weir::result<void> on_start(weir::context& where) {
    in->watch.started(at, where.worker_index());
    if (in->faults.fires(fault::stage_start_throws))
      throw std::runtime_error{"thrown at the start"};
    if (in->faults.fires(fault::stage_start_fails))
      return weir::fatal("can't start");
    return {};
  }
};

struct map_stage : placed {
  weir::result<thing> operator()(const thing& one, weir::context& where) const {
    return watched(*in, at, one, where, [&]() -> weir::result<thing> {
      in->rate_used(at, now_ns());
      if (auto why = trouble(*in))
        return *why;
      return mapped(one, at.segment, at.leg);
    });
  }
};

struct map_noexcept_stage : placed {
  thing operator()(const thing& one) const noexcept {
    in->watch.succeeded(at);
    return mapped(one, at.segment, 0);
  }
};

struct filter_stage : placed {
  using answer = weir::result<std::optional<thing>>;
  answer operator()(const thing& one, weir::context& where) const {
    return watched(*in, at, one, where, [&]() -> answer {
      in->rate_used(at, now_ns());
      if (auto why = trouble(*in))
        return *why;
      return is_kept(one, at.segment) ? std::optional{mapped(one, at.segment, 0)} : std::nullopt;
    });
  }
};

struct emit_stage : start_may_fail {
  using input = thing;
  using output = thing;
  weir::result<void> on_item(const thing& one, weir::emitter<thing>& out, weir::context& where) {
    return watched(*in, at, one, where, [&]() -> weir::result<void> {
      in->rate_used(at, now_ns());
      for (std::size_t k = 0; k < emitted_count(one, at.segment); ++k) {
        out(emitted(one, at.segment, k));
        if (in->faults.fires(fault::stage_throws_after_output))
          throw std::runtime_error{"thrown after an output"};
      }
      if (auto why = trouble(*in))
        return *why;
      return {};
    });
  }
};

/// Counts its items; the count is its state. On a timer it tells that there were some.
struct count_stage : start_may_fail {
  using input = thing;
  using output = thing;
  struct counted {
    std::uint64_t seen = 0;
    std::uint64_t told = 0;
  };
  std::uint64_t seen = 0;
  std::uint64_t told = 0; // of those
  std::uint32_t worker = 0;
  std::optional<weir::clock::time_point> due = {};
  mutable std::optional<thing> saying = {}; // until that is kept

  void ask_for_timer(weir::context& where) {
    const auto hold = in->drawn.segments[at.segment].hold;
    if (hold.count() == 0 || due || seen == told)
      return;
    due = where.now() + hold;
    where.wake_at(*due);
    in->watch.timer_asked(at, worker, *due);
  }

  weir::result<void> on_start(weir::context& where) {
    worker = where.worker_index();
    in->watch.goes_on_with(at, worker, seen);
    auto begun = start_may_fail::on_start(where);
    if (begun) {
      in->watch.began(at, worker, seen);
      in->watch.timer_over(at, worker);
      ask_for_timer(where);
    }
    return begun;
  }
  weir::result<void> on_item(const thing& one, weir::emitter<thing>& out, weir::context& where) {
    return watched(*in, at, one, where, [&]() -> weir::result<void> {
      in->rate_used(at, now_ns());
      ++seen;
      out(mapped(one, at.segment, 0));
      if (in->faults.fires(fault::stage_throws_after_output))
        throw std::runtime_error{"thrown after an output"};
      if (auto why = trouble(*in))
        return *why;
      ask_for_timer(where);
      return {};
    });
  }
  void on_timer(weir::emitter<thing>& out, weir::context& where) {
    if (!due || where.now() < *due)
      return;
    due.reset();
    in->watch.timer_over(at, worker);
    told = seen;
    saying = in->word(at.segment);
    out(*saying);
    if (in->faults.fires(fault::timer_throws))
      throw std::runtime_error{"thrown on the timer"};
  }
  counted checkpoint() const {
    if (in->faults.fires(fault::checkpoint_throws))
      throw std::runtime_error{"thrown by the checkpoint"};
    in->watch.kept(at, worker, seen);
    if (saying)
      in->said(*saying);
    saying.reset();
    return {seen, told};
  }
  void restore(const counted& to) {
    seen = to.seen;
    told = to.told;
  }

  /// A last thing, which no item of a source led to.
  void on_drain(weir::emitter<thing>& out, weir::context& where) {
    due.reset();
    in->watch.timer_over(at, worker);
    out(in->last_word(at.segment, where.worker_index()));
    if (in->faults.fires(fault::stage_throws_after_output))
      throw std::runtime_error{"thrown after a last output"};
  }
};

struct wait_stage : placed {
  std::shared_ptr<running_counts> running;

  boost::asio::awaitable<weir::result<thing>> operator()(thing one) const {
    return run(in, at, running, one);
  }

  static boost::asio::awaitable<weir::result<thing>>
  run(world* in, place at, std::shared_ptr<running_counts> running, thing one) {
    const auto segment = at.segment;
    const auto began = weir::clock::now();
    struct counted {
      std::int64_t& number;
      explicit counted(std::int64_t& which) : number{++which} {}
      ~counted() { --number; }
    };
    // The permit was taken when the run was begun: a clock that jumps in between says nothing about the rate.
    if (in->time_is_smooth())
      in->rate_used(at, now_ns());
    if (in->faults.fires(fault::wait_ignores_its_end)) { // and is abandoned: it counts no more
      co_await boost::asio::this_coro::reset_cancellation_state(
          boost::asio::disable_cancellation());
      co_await weir::sleep_for(std::chrono::seconds{10});
      co_return mapped(one, segment, 0);
    }
    in->watch.run_begins(at, 0, one);
    const bool holds_keys = in->drawn.held_max_at(at) > 0;
    if (holds_keys)
      in->keys.run_begins(at, one);
    const counted mine{(*running)[segment]};
    in->in_flight(segment, mine.number);
    if (in->faults.fires(fault::wait_hangs))
      co_await weir::sleep_until(weir::clock::time_point::max());
    if (in->faults.fires(fault::wait_is_slow))
      co_await weir::sleep_for(std::chrono::milliseconds{one.path % 400});
    // After its time it says nothing any more that counts.
    const bool counts =
        in->time_is_smooth() && weir::clock::now() - began < in->drawn.options_at(at).timeout;
    const auto told = [&](const weir::failure& why) {
      if (counts)
        in->watch.run_ends(at, one, &why);
      return why;
    };
    if (in->faults.fires(fault::wait_throws)) {
      told(weir::fatal("thrown while waiting"));
      throw std::runtime_error{"thrown while waiting"};
    }
    if (in->faults.fires(fault::wait_fails))
      co_return told(weir::transient("503", std::chrono::milliseconds{one.path % 100}));
    in->watch.run_ends(at, one, nullptr);
    if (holds_keys && counts)
      in->keys.passed(at, one);
    if (counts)
      in->watch.may_leave(at, mapped(one, segment, 0));
    co_return mapped(one, segment, 0);
  }
};

struct unbatch_stage : placed {
  using answer = weir::result<std::vector<thing>>;
  answer operator()(const weir::batch<thing>& all, weir::context& where) const {
    in->watch.batch_seen(at, all, in->drawn.segments[at.segment].batch);
    return watched(*in, at, all.items.front(), where, [&]() -> answer {
      if (auto why = trouble(*in))
        return *why;
      return all.items;
    });
  }
};

struct key_function {
  world* in;
  std::size_t operator()(const thing& one) const {
    in->stall(one.path);
    if (in->faults.fires(fault::key_throws))
      throw std::runtime_error{"thrown by the key"};
    return key_of(one);
  }
};

struct left_predicate {
  world* in;
  place at;
  bool operator()(const thing& one) const {
    in->stall(one.path);
    if (in->faults.fires(fault::predicate_throws))
      throw std::runtime_error{"thrown by the predicate"};
    in->watch.succeeded(at);
    return goes_left(one, at.segment);
  }
};

/// What all sinks share: they are slow, they store, their answers get lost.
struct store_port : start_may_fail {
  bool fast = false; // it was slow, and is fast until it took something

  std::size_t demand(weir::context& where) {
    if (!fast && in->faults.fires(fault::sink_is_slow)) {
      fast = true;
      where.wake_at(where.now() + std::chrono::milliseconds{40});
      return 0;
    }
    fast = false;
    return 1000;
  }

  std::optional<weir::failure> before() const {
    if (in->fenced())
      return weir::transient("the node has crashed");
    if (in->faults.fires(fault::sink_throws))
      throw std::runtime_error{"thrown by the sink"};
    if (in->faults.fires(fault::sink_busy))
      return weir::transient("the store is busy", std::chrono::milliseconds{20});
    return std::nullopt;
  }
  /// What is stored: of two sinks each has rows of its own.
  thing row_of(const thing& one) const {
    return at.leg == 0 ? one : mapped(one, at.segment, at.leg);
  }
  std::optional<weir::failure> after(std::span<const thing> rows) const {
    if (in->faults.fires(fault::node_crashes_after_a_row)) {
      in->crash_asked = true;
      in->fence();
    }
    if (in->faults.fires(fault::sink_throws_after_storing)) {
      in->may_repeat(rows);
      throw std::runtime_error{"thrown after storing"};
    }
    if (in->faults.fires(fault::sink_answer_lost)) {
      in->may_repeat(rows);
      return weir::transient("the connection was lost, perhaps after the commit");
    }
    return std::nullopt;
  }
  /// Its transactions hold the points.
  static bool stores_points_in(const weir::position_store&) { return true; }
};

struct item_sink : store_port {
  using input = thing;
  weir::result<void> on_item(const thing& one, weir::context& where) {
    return watched(*in, at, one, where, [&] { return store(one, where); });
  }

private:
  weir::result<void> store(const thing& one, weir::context& where) {
    in->rate_used(at, now_ns());
    if (auto why = before())
      return *why;
    if (auto why = trouble(*in))
      return *why;
    auto points = where.points();
    if (const auto fenced = in->fenced_by(points); !fenced.empty()) {
      if (!in->drawn.has_batches()) // it is let go by then
        return weir::transient("another node has claimed the partition");
      std::erase_if(points, [&](const auto& point) { // of a row that was in a batch with others
        return std::ranges::find(fenced, point.partition) != fenced.end();
      });
    }
    const auto row = row_of(one);
    in->arrived(row);
    in->stored({&row, 1}, points);
    if (auto why = after({&row, 1}))
      return *why;
    return {};
  }
};

struct batch_sink : store_port {
  using input = weir::batch<thing>;
  weir::result<weir::batch_outcome> on_batch(const input& all, weir::context& where) {
    in->watch.batch_seen(at, all, in->drawn.sink_at(at).batch);
    if (in->drawn.shares_batches)
      in->faults.came_about(event::batch_shared);
    return watched(*in, at, all.items.front(), where, [&] { return store(all, where); });
  }

private:
  weir::result<weir::batch_outcome> store(const input& all, weir::context& where) {
    in->rate_used(at, now_ns());
    if (auto why = before())
      return *why;
    if (in->faults.fires(fault::sink_refuses_the_batch))
      return weir::poison("the whole batch is refused");
    weir::batch_outcome outcome;
    std::vector<thing> rows;
    std::vector<thing> all_rows;
    for (std::size_t k = 0; k < all.items.size(); ++k) {
      all_rows.push_back(row_of(all.items[k]));
      if (in->faults.fires(fault::sink_rejects_a_row)) {
        outcome.rejected.push_back({k, weir::poison("the row is refused")});
        if (in->faults.fires(fault::sink_names_a_row_twice))
          outcome.rejected.push_back({k, weir::poison("the row is refused, for another reason")});
      } else {
        rows.push_back(all_rows.back());
      }
    }
    std::vector<std::size_t> rejected;
    for (const auto& one : outcome.rejected)
      if (rejected.empty() || rejected.back() != one.index)
        rejected.push_back(one.index);
    const auto points = where.points(rejected);
    if (auto fenced = in->fenced_by(points); !fenced.empty()) {
      in->faults.came_about(event::batch_fenced);
      in->rows_left_out();
      return weir::batch_outcome{.filtered = {}, .rejected = {}, .fenced = std::move(fenced)};
    }
    for (const auto& one : rows)
      in->arrived(one);
    in->stored(rows, points);
    if (auto why = after(all_rows)) // and what was rejected may be taken the next time
      return *why;
    return outcome;
  }
};

/// The dead letters of one life, in a store that outlives it.
class letter_store final : public weir::dead_letter_queue {
public:
  explicit letter_store(world& where) : in_{where}, kept_{where.letters} {}

  weir::result<void> put(std::span<const weir::dead_letter> letters) override {
    if (in_.fenced() || in_.faults.fires(fault::letters_full))
      return weir::transient("full");
    if (in_.faults.fires(fault::letters_fail))
      return weir::fatal("disk error");
    if (in_.faults.fires(fault::letters_throw))
      throw std::runtime_error{"thrown by the store"};
    in_.others_go_on_if(fault::letters_are_slow);
    if (in_.fenced())
      return weir::transient("the node has crashed");
    if (auto done = kept_.put(letters); !done)
      return done;
    for (const auto& one : letters)
      in_.dead_lettered(one);
    in_.others_go_on_if(fault::letters_are_slow);
    if (in_.faults.fires(fault::node_crashes_after_a_letter)) {
      in_.crash_asked = true;
      in_.fence();
    }
    if (in_.faults.fires(fault::letters_answer_lost)) {
      // It is put once more; if it is replayed in between, it is a letter again although it went through.
      for (const auto& one : letters) {
        in_.may_repeat(in_.held_by(one));
        in_.keys.comes_again(one);
      }
      return weir::transient("the answer was lost");
    }
    return {};
  }

  weir::result<std::vector<weir::dead_letter>>
  select(const weir::dead_letter_filter& filter, std::size_t max,
         const weir::dead_letter_cursor& after) override {
    if (auto why = trouble())
      return *why;
    return kept_.select(filter, max, after);
  }
  weir::result<std::vector<weir::dead_letter_count>>
  histogram(const weir::dead_letter_filter& filter) override {
    return kept_.histogram(filter);
  }
  weir::result<void> edit(std::uint64_t id, std::string payload, const weir::done_by& by) override {
    return kept_.edit(id, std::move(payload), by);
  }
  weir::result<weir::replay_request> request_replay(const weir::dead_letter_filter& filter,
                                                    const weir::replay_terms& terms,
                                                    const weir::done_by& by) override {
    if (auto why = trouble())
      return *why;
    const auto before = kept_.letters();
    auto asked = kept_.request_replay(filter, terms, by);
    in_.check_loop_guard(before, kept_.letters(), terms);
    return asked;
  }
  weir::result<std::uint64_t> cancel_replay(const weir::dead_letter_filter& filter,
                                            const weir::done_by& by) override {
    return kept_.cancel_replay(filter, by);
  }
  weir::result<std::vector<weir::dead_letter>>
  claim_requested(const weir::dead_letter_filter& filter, std::size_t max) override {
    if (auto why = trouble())
      return *why;
    return kept_.claim_requested(filter, max);
  }
  weir::result<void> release(std::span<const std::uint64_t> ids) override {
    if (auto why = trouble())
      return *why;
    return kept_.release(ids);
  }
  weir::result<void> withdraw(std::span<const std::uint64_t> ids, const std::string& why,
                              const weir::done_by& by) override {
    if (auto wrong = trouble())
      return *wrong;
    return kept_.withdraw(ids, why, by);
  }
  weir::result<void> replayed(std::span<const std::uint64_t> ids,
                              const weir::done_by& by) override {
    if (auto why = trouble())
      return *why;
    const auto before = kept_.letters();
    auto done = kept_.replayed(ids, by);
    if (done)
      in_.letters_removed(before, kept_.letters());
    if (done && in_.faults.fires(fault::letters_answer_lost))
      return weir::transient("the answer was lost");
    return done;
  }
  weir::result<std::uint64_t> purge(const weir::dead_letter_filter& filter,
                                    const weir::done_by& by) override {
    return kept_.purge(filter, by);
  }
  weir::result<void> note(const weir::dead_letter_audit& line) override { return kept_.note(line); }
  weir::result<std::vector<weir::dead_letter_audit>> audit(std::uint64_t after,
                                                           std::size_t max) override {
    return kept_.audit(after, max);
  }

private:
  std::optional<weir::failure> trouble() {
    if (in_.fenced() || in_.faults.fires(fault::letters_busy))
      return weir::transient("the store is busy");
    return std::nullopt;
  }

  world& in_;
  weir::dead_letters::memory kept_;
};

} // namespace simulation
