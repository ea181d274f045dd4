#pragma once

#include "probes.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

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
