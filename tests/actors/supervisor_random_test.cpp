#include "nursery.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <set>

// Whatever happens in whatever order: what a supervisor promises holds.

namespace {

using namespace std::chrono_literals;
using weir::restart;
using weir::shutdown;
using weir::supervisor;
using state = supervisor::state;

constexpr std::array ids{"a", "b", "c", "d", "e"};
constexpr auto longest = 3s;

/// A supervisor whose children, callers and clock do what chance says.
class chaos {
public:
  /// With a parent it may die itself at any moment, and is restarted.
  explicit chaos(unsigned seed, bool has_parent = false)
      : random_{seed}, how_{strategies[seed % 4]}, without_limit_{seed % 5 == 0} {
    weir::supervisor_options options{
        .supervision = {.strategy = how_,
                        .intensity = seed % 3 == 0 ? 3U : 10'000U,
                        .delays = {.delay_min = 0ms, .delay_max = 50ms}}};
    for (const auto* id : ids) {
      house_.is_killable(id);
      options.children.push_back(house_.child(any_spec(id)));
    }
    if (how_ == weir::dynamic) {
      options.children.resize(1);
      options.children.front().restart = restart::permanent;
    }
    if (how_ == weir::one_for_all || how_ == weir::rest_for_one)
      house_.before_start = [this](const std::string& id) {
        EXPECT_EQ(house_.stopping(), 0U) << id << " is started while another is being stopped";
      };
    tree_.emplace(house_.node, "tree", std::move(options));
    if (!has_parent) {
      start_ = tree_->start();
      return;
    }
    root_.emplace(
        house_.node, "root",
        weir::supervisor_options{.supervision = {.strategy = weir::one_for_one,
                                                 .intensity = 10'000,
                                                 .delays = {.delay_min = 0ms, .delay_max = 50ms}},
                                 .children = {tree_->as_child()}});
    start_ = root_->start();
    house_.node.run_until_idle(); // who can't even start is not restarted
  }

  void happens() {
    if (root_ && below(20) == 0)
      below(3) == 0 ? tree_->stop() : tree_->kill();
    const std::string id = ids[below(ids.size())];
    switch (below(12)) {
    case 0:
    case 1:
      if (house_.lives(id))
        house_.crashes(id);
      break;
    case 2:
      if (house_.lives(id))
        house_.ends(id, below(2) == 0 ? weir::exit_reason::normal : weir::exit_reason::shutdown);
      break;
    case 3:
      house_.next_starts(id, {below(3) == 0 ? nursery::ignores() : nursery::fails()});
      break;
    case 4:
      house_.is_deaf(id, below(2) == 0);
      break;
    case 5:
      house_.is_slow(id, below(2) == 0);
      break;
    case 6:
      if (house_.lives(id))
        below(5) == 0 ? house_.says_ignore(id) : house_.has_started(id);
      break;
    case 7:
    case 8:
      how_ == weir::dynamic ? asks_by_reference(id) : asks(id);
      break;
    case 9:
      house_.node.advance(std::chrono::milliseconds{below(500)});
      break;
    default:
      for (auto steps = below(4); steps > 0; --steps)
        house_.node.step();
    }
  }

  /// Without further faults everything comes to rest, everybody is answered, and a stop ends in time.
  void comes_to_rest() {
    house_.node.run_until_idle();
    house_.all_behave();
    house_.node.advance(1h);
    EXPECT_TRUE(ready(start_));
    EXPECT_TRUE(std::ranges::all_of(asked_, [](const auto& one) { return ready(one); }));
    const auto now = tree_->now_is();
    EXPECT_TRUE(now == state::running || (now == state::ended && !root_));
    std::size_t running = 0;
    for (const auto& one : tree_->which_children()) {
      using child_now = weir::internal::supervisor_state::child_now;
      EXPECT_TRUE(one.now == child_now::running || one.now == child_now::down)
          << one.id << " is " << to_string(one.now);
      running += one.now == child_now::running ? 1U : 0U;
    }
    EXPECT_EQ(house_.living(), running) << "nobody lives whom nobody knows";
    EXPECT_EQ(tree_->count_children().active, running);
    EXPECT_EQ(tree_->count_children().abandoned, 0U);

    if (root_)
      comes_back();
    for (const auto* id : ids)
      house_.is_deaf(id);
    (root_ ? *root_ : *tree_).stop();
    house_.node.advance(longest);
    if (without_limit_) { // they are waited for, and those before them have their time then
      house_.all_behave();
      house_.node.advance(longest);
    }
    EXPECT_EQ(tree_->now_is(), state::ended) << "it took longer than its longest child may take";
    EXPECT_EQ(house_.living(), 0U);
  }

private:
  /// Who is killed while nothing else happens comes back with all its children, also those that were added.
  void comes_back() {
    constexpr auto running = weir::internal::supervisor_state::child_now::running;
    for (const std::string id : {"f", "g", "h"}) {
      house_.is_killable(id);
      asked_.push_back(how_ == weir::dynamic ? tree_->start_child(house_.called(id))
                                             : tree_->start_child(house_.child(
                                                 {.id = id, .shutdown = shutdown{1s}})));
    }
    house_.node.run_until_idle();
    std::vector<weir::child_view> expected;
    for (const auto& one : tree_->which_children())
      if (one.now == running && tree_->get_child_spec(one.child)->restart != restart::temporary)
        expected.push_back(one);
    EXPECT_GE(expected.size(), 3U);
    const auto starts = house_.starts("g");
    tree_->kill();
    house_.node.advance(1h);
    EXPECT_EQ(house_.starts("g"), starts + 1);
    EXPECT_EQ(tree_->now_is(), state::running);
    for (const auto& one : expected) {
      const auto again = tree_->which_child(one.child);
      EXPECT_TRUE(again && again->now == running) << one.id << " was running, and is not";
    }
    EXPECT_EQ(house_.living(), tree_->count_children().active);
    if (how_ == weir::dynamic) {
      EXPECT_EQ(house_.living(), expected.size());
    }
  }

  static constexpr std::array strategies{weir::one_for_one, weir::one_for_all, weir::rest_for_one,
                                         weir::dynamic};

  std::size_t below(std::size_t count) { return random_() % count; }

  weir::child_spec any_spec(const std::string& id) {
    constexpr std::array types{restart::permanent, restart::permanent, restart::transient,
                               restart::temporary};
    const std::array times{shutdown{0ms},     shutdown{10ms},          shutdown{1s},
                           shutdown{longest}, shutdown::brutal_kill(), shutdown::infinite()};
    return {.id = id,
            .restart = types[below(types.size())],
            .shutdown = times[below(times.size() - (without_limit_ ? 0 : 1))]};
  }

  void asks(const std::string& id) {
    switch (below(5)) {
    case 0:
      asked_.push_back(tree_->start_child(house_.child(any_spec(id))));
      break;
    case 1:
      asked_.push_back(tree_->terminate_child(id));
      break;
    case 2:
      asked_.push_back(tree_->restart_child(id));
      break;
    case 3:
      (void)tree_->delete_child(id);
      break;
    default:
      (void)tree_->change_child(house_.child(any_spec(id)));
    }
  }

  /// At most one child of a name, so that an old instance beside a new one is noticed.
  void asks_by_reference(const std::string& id) {
    const auto known = tree_->which_children();
    if (!known.empty() && below(2) == 0)
      asked_.push_back(tree_->terminate_child(known[below(known.size())].child));
    else if (!house_.lives(id) && named_.insert(id).second)
      asked_.push_back(tree_->start_child(house_.called(id)));
  }

  template <class T>
  static bool ready(const std::future<T>& answer) {
    return answer.wait_for(0s) == std::future_status::ready;
  }

  std::mt19937 random_;
  const weir::strategy how_;
  const bool without_limit_;
  nursery house_{{.job = [this](std::size_t count) { return below(count); }}};
  std::optional<supervisor> tree_;
  std::optional<supervisor> root_; // the tree's parent
  std::future<weir::result<void>> start_;
  std::vector<std::future<weir::child_answer>> asked_;
  std::set<std::string> named_;
};

TEST(SupervisorChaos, NeverBreaksAPromise) {
  for (unsigned seed = 0; seed < 2000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    chaos one{seed};
    for (int k = 0; k < 200 && !testing::Test::HasFailure(); ++k)
      one.happens();
    one.comes_to_rest();
  }
}

// SIM-03
TEST(SupervisorChaos, AndNeitherDoesOneThatIsKilledAtAnyMomentAndRestarted) {
  for (unsigned seed = 0; seed < 2000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    chaos one{seed, true};
    for (int k = 0; k < 200 && !testing::Test::HasFailure(); ++k)
      one.happens();
    one.comes_to_rest();
  }
}

} // namespace
