#pragma once

#include "../probes.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace probes {

/// Which numbers a stage can't take, until the test says otherwise; and how often each was run.
class brokenness {
public:
  void set(std::set<int> numbers) const {
    const std::lock_guard lock{state_->lock};
    state_->broken = std::move(numbers);
  }
  void mend() const { set({}); }
  weir::result<void> look_at(int number) const {
    const std::lock_guard lock{state_->lock};
    ++state_->runs[number];
    if (state_->broken.contains(number))
      return weir::poison("broken " + std::to_string(number % 2));
    return {};
  }
  int runs(int number) const {
    const std::lock_guard lock{state_->lock};
    return state_->runs[number];
  }

private:
  struct state {
    std::mutex lock; // guards what follows
    std::set<int> broken;
    std::map<int, int> runs;
  };
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// A store whose calls go wrong while the test says so: `trouble` gets the name of the call, and may throw.
class troubled_queue final : public weir::dead_letter_queue {
public:
  using letters = std::vector<weir::dead_letter>;

  explicit troubled_queue(weir::dead_letters::memory good) : good_{std::move(good)} {}

  std::function<weir::result<void>(std::string_view call)> trouble;

  weir::result<void> put(std::span<const weir::dead_letter> all) override { return good_.put(all); }
  weir::result<letters> select(const weir::dead_letter_filter& filter, std::size_t max,
                               const weir::dead_letter_cursor& after = {}) override {
    return unless<letters>("select", [&] { return good_.select(filter, max, after); });
  }
  weir::result<std::vector<weir::dead_letter_count>>
  histogram(const weir::dead_letter_filter& filter) override {
    return good_.histogram(filter);
  }
  weir::result<void> edit(std::uint64_t id, std::string payload, const weir::done_by& by) override {
    return good_.edit(id, std::move(payload), by);
  }
  weir::result<weir::replay_request> request_replay(const weir::dead_letter_filter& filter,
                                                    const weir::replay_terms& terms,
                                                    const weir::done_by& by) override {
    return unless<weir::replay_request>(filter.key ? "follow" : "request",
                                        [&] { return good_.request_replay(filter, terms, by); });
  }
  weir::result<std::uint64_t> cancel_replay(const weir::dead_letter_filter& filter,
                                            const weir::done_by& by) override {
    return good_.cancel_replay(filter, by);
  }
  weir::result<letters> claim_requested(const weir::dead_letter_filter& filter,
                                        std::size_t max) override {
    return unless<letters>("claim", [&] { return good_.claim_requested(filter, max); });
  }
  weir::result<void> release(std::span<const std::uint64_t> ids) override {
    return unless<void>("release", [&] { return good_.release(ids); });
  }
  weir::result<void> withdraw(std::span<const std::uint64_t> ids, const std::string& why,
                              const weir::done_by& by) override {
    return unless<void>("withdraw", [&] { return good_.withdraw(ids, why, by); });
  }
  weir::result<void> replayed(std::span<const std::uint64_t> ids,
                              const weir::done_by& by) override {
    return unless<void>("replayed", [&] { return good_.replayed(ids, by); });
  }
  weir::result<std::uint64_t> purge(const weir::dead_letter_filter& filter,
                                    const weir::done_by& by) override {
    return good_.purge(filter, by);
  }
  weir::result<void> note(const weir::dead_letter_audit& line) override { return good_.note(line); }
  weir::result<std::vector<weir::dead_letter_audit>> audit(std::uint64_t after,
                                                           std::size_t max) override {
    return good_.audit(after, max);
  }
  bool outlives_process() const override { return false; }

private:
  template <class T, class Call>
  weir::result<T> unless(std::string_view name, Call call) {
    if (trouble)
      if (auto well = trouble(name); !well)
        return std::move(well.error());
    return call();
  }

  weir::dead_letters::memory good_;
};

/// Numbers that are fed by hand, through a stage that is right and one that may be broken, into a sink.
class Replaying : public testing::Test {
protected:
  weir::pipeline pipeline(std::shared_ptr<weir::dead_letter_store> store,
                          weir::replay_settings settings = {}) const {
    auto options = restarting();
    options.replay = settings;
    weir::pipeline p{"orders", options};
    p.from("numbers", source)
        .via("first",
             [first = first](const int& n) -> weir::result<int> {
               if (auto well = first.look_at(n); !well)
                 return std::move(well.error());
               return n;
             })
        .via("second",
             [second = second, door = door, held = held](const int& n) -> weir::result<int> {
               if (*held)
                 door.pass();
               if (auto well = second.look_at(n); !well)
                 return std::move(well.error());
               return n;
             })
        .to("sink", done.sink());
    p.dead_letters_to(std::move(store));
    return p;
  }
  weir::pipeline pipeline() const {
    return pipeline(std::make_shared<weir::dead_letters::memory>(letters));
  }

  /// Waits for the end of a replay and returns what came of it.
  static weir::replay_outcome
  outcome(const weir::result<std::shared_ptr<weir::replay_run>>& replay) {
    if (!replay) {
      ADD_FAILURE() << replay.error().message();
      return {};
    }
    EXPECT_TRUE((*replay)->wait_until(std::chrono::steady_clock::now() + patience))
        << to_string((*replay)->outcome());
    return (*replay)->outcome();
  }
  static void dead(running& r, std::uint64_t count) {
    EXPECT_TRUE(eventually([&] { return r.ledger().dead_lettered == count; }))
        << to_string(r->snapshot());
  }
  static void at_rest(running& r) {
    EXPECT_TRUE(eventually([&] { return r.ledger().in_flight == 0; })) << to_string(r->snapshot());
    EXPECT_TRUE(r.ledger().balanced()) << to_string(r->snapshot());
  }
  std::vector<std::string> kept() const {
    std::vector<std::string> all;
    for (const auto& one : letters.letters())
      all.push_back(one.stage + " " + one.source + ":" + std::to_string(one.position) + "="
                    + one.payload + " attempts " + std::to_string(one.attempts) + " replays "
                    + std::to_string(one.replay_count) + " " + std::string{to_string(one.state)});
    return all;
  }

  fed<int> source;
  brokenness first;
  brokenness second;
  gate door;
  std::shared_ptr<std::atomic<bool>> held = std::make_shared<std::atomic<bool>>(false);
  collected<int> done;
  weir::dead_letters::memory letters;
};

} // namespace probes
