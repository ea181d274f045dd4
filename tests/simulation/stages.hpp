#pragma once

#include "world.hpp"

#include <weir/actors/awaitable.hpp>
#include <weir/actors/pipeline.hpp>
#include <weir/actors/sleep.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
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

/// A source whose reading goes on where the world says.
struct numbered_source {
  using output = thing;
  world* in;
  std::size_t index;
  std::optional<std::uint32_t> next = {};

  std::string lane() const { return "source-" + std::to_string(index); }
  std::uint64_t resume_after() const { return in->position(index); }

  weir::result<weir::source_state> poll(weir::intake<thing>& to, weir::context& where) {
    if (!next)
      next = static_cast<std::uint32_t>(where.last_position() / in->drawn.stride) + 1;
    if (in->faults.fires(fault::source_fails))
      return weir::transient("the file is gone for a moment");
    if (in->faults.fires(fault::source_throws))
      throw std::runtime_error{"thrown by the source"};
    if (in->faults.fires(fault::source_waits)) {
      where.wake_at(where.now() + std::chrono::milliseconds{3});
      return weir::source_state::wait;
    }
    while (to.room() > 0 && *next <= in->drawn.items) {
      const auto number = *next;
      to.put({.id = static_cast<std::uint32_t>(index << 24U) + number},
             std::uint64_t{number} * in->drawn.stride);
      ++*next;
    }
    return *next <= in->drawn.items ? weir::source_state::more : weir::source_state::done;
  }
};

struct start_may_fail {
  world* in;
  weir::result<void> on_start(weir::context&) {
    if (in->faults.fires(fault::stage_start_throws))
      throw std::runtime_error{"thrown at the start"};
    if (in->faults.fires(fault::stage_start_fails))
      return weir::fatal("can't start");
    return {};
  }
};

struct map_stage {
  world* in;
  std::size_t segment;
  std::size_t leg = 0;
  weir::result<thing> operator()(const thing& one) const {
    in->rate_used(segment, now_ns());
    if (auto why = trouble(*in))
      return *why;
    return mapped(one, segment, leg);
  }
};

struct map_noexcept_stage {
  std::size_t segment;
  thing operator()(const thing& one) const noexcept { return mapped(one, segment, 0); }
};

struct filter_stage {
  world* in;
  std::size_t segment;
  weir::result<std::optional<thing>> operator()(const thing& one) const {
    in->rate_used(segment, now_ns());
    if (auto why = trouble(*in))
      return *why;
    return is_kept(one, segment) ? std::optional{mapped(one, segment, 0)} : std::nullopt;
  }
};

struct emit_stage : start_may_fail {
  using input = thing;
  using output = thing;
  std::size_t segment;
  weir::result<void> on_item(const thing& one, weir::emitter<thing>& out, weir::context&) {
    in->rate_used(segment, now_ns());
    for (std::size_t k = 0; k < emitted_count(one, segment); ++k) {
      out(emitted(one, segment, k));
      if (in->faults.fires(fault::stage_throws_after_output))
        throw std::runtime_error{"thrown after an output"};
    }
    if (auto why = trouble(*in))
      return *why;
    return {};
  }
};

/// Counts its items; the count is its state.
struct count_stage : start_may_fail {
  using input = thing;
  using output = thing;
  std::size_t segment;
  std::uint64_t seen = 0;

  weir::result<void> on_item(const thing& one, weir::emitter<thing>& out, weir::context&) {
    in->rate_used(segment, now_ns());
    ++seen;
    out(mapped(one, segment, 0));
    if (in->faults.fires(fault::stage_throws_after_output))
      throw std::runtime_error{"thrown after an output"};
    if (auto why = trouble(*in))
      return *why;
    return {};
  }
  std::uint64_t checkpoint() const {
    if (in->faults.fires(fault::checkpoint_throws))
      throw std::runtime_error{"thrown by the checkpoint"};
    return seen;
  }
  void restore(std::uint64_t to) { seen = to; }

  /// A last thing, which no item of a source led to.
  void on_drain(weir::emitter<thing>& out, weir::context& where) {
    out(in->last_word(segment, where.worker_index()));
    if (in->faults.fires(fault::stage_throws_after_output))
      throw std::runtime_error{"thrown after a last output"};
  }
};

struct wait_stage {
  world* in;
  std::size_t segment;
  std::shared_ptr<running_counts> running;

  boost::asio::awaitable<weir::result<thing>> operator()(thing one) const {
    return run(in, segment, running, one);
  }

  static boost::asio::awaitable<weir::result<thing>>
  run(world* in, std::size_t segment, std::shared_ptr<running_counts> running, thing one) {
    struct counted {
      std::int64_t& number;
      explicit counted(std::int64_t& which) : number{++which} {}
      ~counted() { --number; }
    };
    // The permit was taken when the run was begun: a clock that jumps in between says nothing about the rate.
    if (in->faults.fired(fault::clock_jumps) == 0)
      in->rate_used(segment, now_ns());
    if (in->faults.fires(fault::wait_ignores_its_end)) { // and is given up: it counts no more
      co_await boost::asio::this_coro::reset_cancellation_state(
          boost::asio::disable_cancellation());
      co_await weir::sleep_for(std::chrono::seconds{10});
      co_return mapped(one, segment, 0);
    }
    const counted mine{(*running)[segment]};
    in->in_flight(segment, mine.number);
    if (in->faults.fires(fault::wait_hangs))
      co_await weir::sleep_until(weir::clock::time_point::max());
    if (in->faults.fires(fault::wait_is_slow))
      co_await weir::sleep_for(std::chrono::milliseconds{one.path % 400});
    if (in->faults.fires(fault::wait_throws))
      throw std::runtime_error{"thrown while waiting"};
    if (in->faults.fires(fault::wait_fails))
      co_return weir::transient("503", std::chrono::milliseconds{one.path % 100});
    co_return mapped(one, segment, 0);
  }
};

struct unbatch_stage {
  world* in;
  std::size_t segment;
  weir::result<std::vector<thing>> operator()(const weir::batch<thing>& all) const {
    if (auto why = trouble(*in))
      return *why;
    return all.items;
  }
};

struct key_function {
  world* in;
  std::size_t operator()(const thing& one) const {
    if (in->faults.fires(fault::key_throws))
      throw std::runtime_error{"thrown by the key"};
    return key_of(one);
  }
};

struct left_predicate {
  world* in;
  std::size_t segment;
  bool operator()(const thing& one) const {
    if (in->faults.fires(fault::predicate_throws))
      throw std::runtime_error{"thrown by the predicate"};
    return goes_left(one, segment);
  }
};

/// What both sinks share: they are slow, they store, their answers get lost.
struct store_port {
  world* in;
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
      return weir::transient("the store is busy");
    return std::nullopt;
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
  weir::result<void> on_drain(weir::context& where) {
    if (!in->fenced())
      in->stored({}, where.resume_points());
    return {};
  }
};

struct item_sink : store_port {
  using input = thing;
  weir::result<void> on_item(const thing& one, weir::context& where) {
    if (auto why = before())
      return *why;
    if (auto why = trouble(*in))
      return *why;
    in->arrived(one);
    in->stored({&one, 1}, where.resume_points());
    if (auto why = after({&one, 1}))
      return *why;
    return {};
  }
};

struct batch_sink : store_port {
  using input = weir::batch<thing>;
  weir::result<weir::batch_outcome> on_batch(const input& all, weir::context& where) {
    if (auto why = before())
      return *why;
    if (in->faults.fires(fault::sink_refuses_the_batch))
      return weir::poison("the whole batch is refused");
    weir::batch_outcome outcome;
    std::vector<thing> rows;
    for (std::size_t k = 0; k < all.items.size(); ++k)
      if (in->faults.fires(fault::sink_rejects_a_row))
        outcome.rejected.push_back({k, weir::poison("the row is refused")});
      else
        rows.push_back(all.items[k]);
    for (const auto& one : rows)
      in->arrived(one);
    // As stores of ours do it, rejected rows' positions are stored with the rest only once nothing is rejected:
    // their dead letters are on their way still.
    if (outcome.rejected.empty())
      in->stored(rows, where.resume_points());
    else
      in->stored(rows, {});
    if (auto why = after(all.items)) // and what was rejected may be taken the next time
      return *why;
    return outcome;
  }
};

/// The dead letters of one life, in a store that outlives it.
class letter_store final : public weir::dead_letter_shelf {
public:
  explicit letter_store(world& where) : in_{where}, kept_{where.letters} {}

  weir::result<void> put(std::span<const weir::dead_letter> letters) override {
    if (in_.fenced() || in_.faults.fires(fault::letters_full))
      return weir::transient("full");
    if (in_.faults.fires(fault::letters_fail))
      return weir::fatal("disk error");
    if (in_.faults.fires(fault::letters_throw))
      throw std::runtime_error{"thrown by the store"};
    if (auto done = kept_.put(letters); !done)
      return done;
    for (const auto& one : letters)
      in_.parked(one);
    if (in_.faults.fires(fault::node_crashes_after_a_letter)) {
      in_.crash_asked = true;
      in_.fence();
    }
    if (in_.faults.fires(fault::letters_answer_lost)) {
      // It is put once more; if it is replayed in between, it is a letter again although it went through.
      for (const auto& one : letters)
        in_.may_repeat(in_.held_by(one));
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
    return kept_.request_replay(filter, terms, by);
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
