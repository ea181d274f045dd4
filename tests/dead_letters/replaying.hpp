#pragma once

#include "../running.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace weir_test {

/// Which numbers a stage can't take, until the test says otherwise; and how often each was run. Copies share what
/// they hold.
class brokenness {
public:
  void set(std::set<int> numbers) const { shared_->broken = std::move(numbers); }
  void mend() const { set({}); }
  weir::result<void> look_at(int number) const {
    ++shared_->runs[number];
    if (shared_->broken.contains(number))
      return weir::poison("broken " + std::to_string(number % 2));
    return {};
  }
  int runs(int number) const { return shared_->runs[number]; }

private:
  struct shared {
    std::set<int> broken;
    std::map<int, int> runs;
  };
  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
};

/// A letter in one line: whose it is, and how often it was tried.
inline std::string line_of(const weir::dead_letter& one) {
  return one.stage + " " + one.source + ":" + std::to_string(one.position) + "=" + one.payload
         + " attempts " + std::to_string(one.attempts) + " replays "
         + std::to_string(one.replay_count) + " " + std::string{to_string(one.state)};
}

/// Numbers that are pushed by the test, through a stage that is right and one that may be broken, into a sink.
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
             [second = second, meanwhile = meanwhile](const int& n) -> weir::result<int> {
               if (*meanwhile)
                 std::exchange(*meanwhile, {})();
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
  void TearDown() override { EXPECT_FALSE(*meanwhile) << "nothing came to the second stage"; }

  void push(std::vector<int> numbers) const {
    for (const auto n : numbers)
      source.push(n);
  }
  /// Waits for the end of a replay and returns what came of it.
  static weir::replay_outcome
  outcome(const weir::result<std::shared_ptr<weir::replay_run>>& replay) {
    if (!replay) {
      ADD_FAILURE() << replay.error().message();
      return {};
    }
    EXPECT_TRUE((*replay)->wait_until(weir::clock::now() + 1h)) << to_string((*replay)->outcome());
    return (*replay)->outcome();
  }
  static void dead(running& r, std::uint64_t count) {
    r.pass(1s); // what throws is run again by a worker that was restarted
    EXPECT_EQ(r.ledger().dead_lettered, count) << to_string(r->snapshot());
  }
  static void at_rest(running& r) {
    r.settle();
    EXPECT_EQ(r.ledger().in_flight, 0U) << to_string(r->snapshot());
    EXPECT_TRUE(r.ledger().balanced()) << to_string(r->snapshot());
  }
  std::vector<std::string> kept() const {
    std::vector<std::string> all;
    for (const auto& one : letters.letters())
      all.push_back(line_of(one));
    return all;
  }

  source_probe<int> source;
  brokenness first;
  brokenness second;
  /// Happens once, while the second stage has the next item in hand.
  std::shared_ptr<std::function<void()>> meanwhile = std::make_shared<std::function<void()>>();
  collected<int> done;
  weir::dead_letters::memory letters;
};

} // namespace weir_test
