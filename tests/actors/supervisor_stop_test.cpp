#include "nursery.hpp"

#include <gmock/gmock.h>

// How children are stopped: in which order, how long they may take, and what becomes of those who won't go.

namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using weir::shutdown;
using weir::supervisor;
using kind = weir::child_answer::kind;

class SupervisorStop : public testing::Test {
protected:
  /// One for one, or whatever is asked for, with children that may take so long each.
  supervisor& tree(const std::vector<shutdown>& times, weir::strategy how = weir::one_for_one) {
    weir::supervisor_options options{.supervision = at_once(how)};
    for (std::size_t k = 0; k < times.size(); ++k)
      options.children.push_back(
          house_.child({.id = {static_cast<char>('a' + k)}, .shutdown = times[k]}));
    options.report = [this](const weir::child_event& event) {
      if (event.what == weir::child_event::kind::killed
          || event.what == weir::child_event::kind::abandoned)
        fates_.push_back(std::string{weir::to_string(event.what)} + " " + event.child);
    };
    tree_.emplace(house_.node, "tree", std::move(options));
    house_.starts(*tree_);
    return *tree_;
  }
  void are_deaf(const std::string& ids) {
    for (const char id : ids)
      house_.is_deaf({id});
  }
  bool ended() {
    house_.node.run_until_idle();
    return tree_->now_is() == supervisor::state::ended;
  }

  void are_killable(const std::string& ids) {
    for (const char id : ids)
      house_.is_killable({id});
  }

  nursery house_;
  std::vector<std::string> fates_;
  std::optional<supervisor> tree_;
};

// SUP-23, SUP-90
TEST_F(SupervisorStop, GoesFromTheLastToTheFirstEachOnceTheOneBehindItIsGone) {
  auto& three = tree({5s, 5s, 5s});
  are_deaf("c");
  three.stop();
  EXPECT_EQ(house_.history(), "-c") << "b stands on nothing that is gone yet";
  EXPECT_EQ(three.now_is(), supervisor::state::stopping);
  house_.obeys("c");
  EXPECT_EQ(house_.history(), "-b -a");
  EXPECT_TRUE(ended());
  EXPECT_EQ(three.ended()->reason, weir::exit_reason::normal);
}

// SUP-01
TEST_F(SupervisorStop, OfANestedOneIsAShutdown) {
  supervisor inner{house_.node, "inner", {}};
  supervisor outer{house_.node, "outer", {.children = {inner.as_child()}}};
  house_.starts(outer);
  outer.stop();
  house_.history();
  ASSERT_TRUE(inner.ended());
  EXPECT_EQ(inner.ended()->reason, weir::exit_reason::shutdown);
}

// SUP-16
TEST_F(SupervisorStop, MayBeWaitedForWithoutEnd) {
  auto& two = tree({5s, shutdown::infinite()});
  are_deaf("b");
  two.stop();
  EXPECT_EQ(house_.after(1h), "-b") << "what it stands on stays";
  house_.obeys("b");
  EXPECT_EQ(house_.history(), "-a");
  EXPECT_TRUE(ended());
  EXPECT_TRUE(fates_.empty());
}

// SUP-16, SUP-90
TEST_F(SupervisorStop, GivesThoseBeforeOneWithoutALimitTheirTimeOnceItIsGone) {
  are_killable("ac");
  auto& three = tree({1s, shutdown::infinite(), 4s});
  are_deaf("abc");
  three.stop();
  EXPECT_EQ(house_.after(3499ms), "-c");
  EXPECT_EQ(house_.after(1ms), "-b") << "half a second is for a";
  EXPECT_EQ(house_.after(1h), "!c");
  house_.obeys("b");
  EXPECT_EQ(house_.history(), "-a");
  EXPECT_EQ(house_.after(499ms), "");
  EXPECT_EQ(house_.after(1ms), "!a") << "the time of b is not a's";
  EXPECT_TRUE(ended());
}

// SUP-16, SUP-90
TEST_F(SupervisorStop, LetsANestedOneTakeAsLongAsItsChildrenMayBeforeThoseItStandsOnAreTold) {
  supervisor workers{
      house_.node, "workers", {.children = {house_.child({.id = "w", .shutdown = 20s})}}};
  supervisor all{house_.node,
                 "all",
                 {.children = {house_.child({.id = "db", .shutdown = 1s}), workers.as_child()}}};
  house_.starts(all);
  house_.is_deaf("w");
  all.stop();
  EXPECT_EQ(house_.after(19s), "-w");
  house_.obeys("w");
  EXPECT_EQ(house_.history(), "-db");
  EXPECT_TRUE(all.ended());

  house_.is_killable("w");
  house_.starts(all);
  all.stop();
  EXPECT_EQ(house_.after(19'499ms), "-w");
  EXPECT_EQ(house_.after(1ms), "-db") << "half of its own time is left";
  EXPECT_EQ(house_.after(500ms), "!w");
  EXPECT_TRUE(all.ended()) << "20 s";
}

// SUP-17
TEST_F(SupervisorStop, TakesNoLongerThanTheChildMayTakeThenItIsKilled) {
  are_killable("b");
  auto& two = tree({5s, 1s});
  are_deaf("b");
  two.stop();
  EXPECT_EQ(house_.after(999ms), "-b");
  EXPECT_EQ(house_.after(1ms), "!b -a");
  EXPECT_TRUE(ended());
  EXPECT_THAT(fates_, ElementsAre("killed b"));
}

// SUP-19
TEST_F(SupervisorStop, OfABrutalKillAsksNobody) {
  are_killable("b");
  auto& two = tree({5s, shutdown::brutal_kill()});
  two.stop();
  EXPECT_EQ(house_.history(), "!b -a");
  EXPECT_TRUE(ended());
}

TEST_F(SupervisorStop, AbandonsWhatCantBeKilledAndSaysSo) {
  auto& two = tree({5s, 1s});
  are_deaf("b");
  auto gone = two.terminate_child("b");
  EXPECT_EQ(house_.after(1s), "-b");
  EXPECT_EQ(house_.now(std::move(gone)).what, kind::done);
  EXPECT_THAT(fates_, ElementsAre("killed b", "abandoned b"));
  EXPECT_EQ(two.count_children().abandoned, 1U);
  house_.obeys("b"); // after all
  house_.history();
  EXPECT_EQ(two.count_children().abandoned, 0U);
  EXPECT_EQ(two.which_child("b")->now, weir::internal::supervisor_state::child_now::down);
}

TEST_F(SupervisorStop, AbandonsWhatDoesNotGoEvenWhenItIsKilled) {
  auto& one = tree({1s});
  auto spec = *one.get_child_spec("a");
  spec.id = "undead";
  spec.start = [](const weir::child_link&) { return weir::child{.stop = [] {}, .kill = [] {}}; };
  ASSERT_EQ(house_.now(one.start_child(spec)).what, kind::done);
  auto gone = one.terminate_child("undead");
  house_.after(1s + 999ms);
  EXPECT_THAT(fates_, ElementsAre("killed undead"));
  EXPECT_FALSE(house_.outcome(gone));
  house_.after(1ms);
  EXPECT_THAT(fates_, ElementsAre("killed undead", "abandoned undead"));
  EXPECT_EQ(house_.now(std::move(gone)).what, kind::done);
}

// SUP-22
TEST_F(SupervisorStop, IsNotDisturbedByAnotherReason) {
  auto& three = tree({5s, 5s, 5s});
  are_deaf("bc");
  three.stop();
  house_.history();
  house_.crashes("c");
  EXPECT_EQ(house_.history(), "~c -b");
  house_.ends("b");
  EXPECT_EQ(house_.history(), "~b -a");
  EXPECT_TRUE(ended());
  EXPECT_EQ(three.ended()->reason, weir::exit_reason::normal);
}

// SUP-39, and beyond it: one level takes as long as the child that may take longest, whoever hangs
TEST_F(SupervisorStop, TakesNoLongerThanTheLongestChildMayTake) {
  are_killable("abcd");
  auto& four = tree({4s, 1s, 5s, 2s});
  are_deaf("abcd");
  four.stop();
  EXPECT_EQ(house_.history(), "-d");
  EXPECT_EQ(house_.after(1999ms), "");
  EXPECT_EQ(house_.after(1ms), "!d -c") << "d's time is over";
  EXPECT_EQ(house_.after(999ms), "");
  EXPECT_EQ(house_.after(1ms), "-b -a") << "a needs 2 s at least, and is told after b";
  EXPECT_EQ(house_.after(1s), "!b");
  EXPECT_EQ(house_.after(999ms), "");
  EXPECT_FALSE(ended());
  EXPECT_EQ(house_.after(1ms), "!a !c") << "5 s";
  EXPECT_TRUE(ended());
}

TEST_F(SupervisorStop, GivesEachAtLeastHalfOfItsTimeWhenAnotherHangs) {
  auto& three = tree({5s, 5s, 5s});
  are_deaf("abc");
  three.stop();
  EXPECT_EQ(house_.after(2499ms), "-c");
  EXPECT_EQ(house_.after(1ms), "-b -a");
  EXPECT_EQ(house_.after(2499ms), "");
  EXPECT_FALSE(ended());
  house_.after(1ms);
  EXPECT_TRUE(ended());
}

TEST_F(SupervisorStop, OfATreeIsBoundedByItsLongestPath) {
  const auto hangs = [&](const std::string& id) {
    house_.is_deaf(id);
    house_.is_killable(id);
    return house_.child({.id = id, .shutdown = 4s});
  };
  supervisor left{house_.node, "left", {.children = {hangs("a"), hangs("b")}}};
  supervisor right{house_.node, "right", {.children = {hangs("c"), hangs("d")}}};
  supervisor root{house_.node, "root", {.children = {left.as_child(), right.as_child()}}};
  house_.starts(root);
  root.stop();
  EXPECT_EQ(house_.after(1999ms), "-d");
  EXPECT_EQ(house_.after(1ms), "-c -b") << "left is told after 2 s, though right still hangs";
  house_.after(2s);
  EXPECT_EQ(right.now_is(), supervisor::state::ended);
  EXPECT_EQ(root.now_is(), supervisor::state::stopping);
  house_.after(2s);
  EXPECT_EQ(root.now_is(), supervisor::state::ended) << "6 s, and not 8 s or 16 s";
}

TEST_F(SupervisorStop, OfAGroupThatIsRestartedIsBoundedToo) {
  are_killable("bc");
  auto& three = tree({5s, 5s, 5s}, weir::one_for_all);
  are_deaf("bc");
  house_.crashes("a");
  EXPECT_EQ(house_.after(2500ms), "~a -c -b");
  EXPECT_EQ(house_.after(2500ms), "!b !c +a +b +c");
  EXPECT_EQ(three.now_is(), supervisor::state::running);
}

TEST_F(SupervisorStop, WithAKillIsOverAtOnceForTheWholeTree) {
  house_.is_deaf("x");
  house_.is_killable("x");
  house_.is_deaf("y");
  supervisor inner{house_.node, "inner", {.children = {house_.child("x"), house_.child("y")}}};
  supervisor outer{house_.node, "outer", {.children = {house_.child("a"), inner.as_child()}}};
  house_.is_killable("a");
  house_.starts(outer);
  outer.kill();
  EXPECT_EQ(house_.history(), "!a -y !x") << "y can't be killed, and is told to stop";
  ASSERT_TRUE(outer.ended());
  EXPECT_THAT(outer.ended()->why.message(), HasSubstr("killed"));
  EXPECT_EQ(inner.count_children().abandoned, 1U);
}

TEST_F(SupervisorStop, ThatTakesTooLongForSomebodyCanBeTurnedIntoAKill) {
  are_killable("ab");
  auto& two = tree({5s, shutdown::infinite()});
  are_deaf("ab");
  two.stop();
  EXPECT_EQ(house_.after(1s), "-b");
  two.kill();
  EXPECT_EQ(house_.history(), "!b !a");
  EXPECT_TRUE(ended());
  EXPECT_EQ(two.ended()->reason, weir::exit_reason::normal) << "it was told to stop first";
}

TEST_F(SupervisorStop, OfWhatThrowsWhenItIsToldIsWaitedForLikeOthers) {
  auto& one = tree({});
  weir::child_spec rude{.id = "rude", .shutdown = 1s};
  rude.start = [](const weir::child_link&) {
    return weir::child{.stop = [] { throw std::runtime_error{"no"}; }};
  };
  ASSERT_EQ(house_.now(one.start_child(rude)).what, kind::done);
  one.stop();
  EXPECT_FALSE(ended());
  house_.after(1s);
  EXPECT_TRUE(ended());
}

TEST_F(SupervisorStop, HappensWhenItIsDestroyed) {
  tree({5s, 5s});
  tree_.reset();
  EXPECT_EQ(house_.history(), "-b -a");
}

} // namespace
