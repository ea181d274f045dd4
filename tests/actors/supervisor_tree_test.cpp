#include "nursery.hpp"

#include <gmock/gmock.h>

// Supervisors of supervisors.

namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using weir::exit_reason;
using weir::restart;
using weir::supervisor;
using kind = weir::child_answer::kind;
using state = supervisor::state;

/// root ── a
///      ├─ crew (rest_for_one, one restart) ── x, y
///      └─ sessions (dynamic, one restart)
class SupervisorTree : public testing::Test {
protected:
  void SetUp() override { house_.starts(root_); }

  weir::child_ref session(const std::string& name) {
    const auto answer = house_.now(sessions_.start_child(house_.called(name)));
    EXPECT_EQ(answer.what, kind::done);
    return answer.child;
  }

  nursery house_;
  supervisor crew_{
      house_.node,
      "crew",
      {.supervision = at_once(weir::rest_for_one, 1), .children = house_.children("xy")}};
  supervisor sessions_{house_.node,
                       "sessions",
                       {.supervision = at_once(weir::dynamic, 1), .children = {{.id = "session"}}}};
  supervisor root_{house_.node,
                   "root",
                   {.supervision = at_once(weir::one_for_one, 1),
                    .children = {house_.child("a"), crew_.as_child(), sessions_.as_child()}}};
};

// SUP-60
TEST_F(SupervisorTree, RestartsOnlyTheDeadWorker) {
  session("s");
  house_.history();
  house_.crashes("y");
  EXPECT_EQ(house_.history(), "~y +y");
  house_.crashes("s");
  EXPECT_EQ(house_.history(), "~s +s");
  EXPECT_EQ(root_.which_child("crew")->restarts, 0U);
}

// SUP-60, exceeded: in OTP what was added while it ran is gone
TEST_F(SupervisorTree, AnEscalationRestartsTheSubtreeWithAllItsChildren) {
  const auto s = session("s");
  ASSERT_EQ(house_.now(crew_.start_child(house_.child("z"))).what, kind::done);
  house_.history();
  house_.crashes("x");
  house_.history();
  house_.crashes("x");
  EXPECT_EQ(house_.history(), "~x -z -y +x +y +z");
  EXPECT_EQ(root_.which_child("crew")->restarts, 1U);
  EXPECT_THAT(root_.which_child("crew")->last_failure.message(),
              HasSubstr("supervisor 'crew' ← escalated the failure of 'x'"));

  nursery::start fails = nursery::fails();
  house_.crashes("s");
  house_.history();
  house_.crashes("s", "out of luck");
  EXPECT_EQ(house_.history(), "~s -z -y -x -a") << "the root had one restart, and it is used up";
  ASSERT_TRUE(root_.ended());
  EXPECT_EQ(root_.ended()->why.message(), "supervisor 'root' ← escalated the failure of "
                                          "'sessions': more than 1 restarts within 30000 ms ← "
                                          "supervisor 'sessions' ← escalated the failure of "
                                          "'session': more than 1 restarts within 30000 ms ← "
                                          "out of luck");
  house_.starts(root_);
  EXPECT_EQ(to_string(sessions_.which_child(s)->now), "running");
}

TEST_F(SupervisorTree, DynamicChildrenComeBackWithASubtree) {
  const auto s = session("s");
  const auto t = session("t");
  house_.history();
  house_.crashes("s");
  house_.history();
  house_.crashes("s");
  EXPECT_EQ(house_.history(), "~s -t +s +t");
  EXPECT_EQ(to_string(sessions_.which_child(s)->now), "running");
  EXPECT_EQ(to_string(sessions_.which_child(t)->now), "running") << "under the same reference";
}

// SUPX-10
TEST_F(SupervisorTree, ASupervisorThatIsKilledComesBackWithItsSubtree) {
  session("s");
  for (const auto* id : {"x", "y"})
    house_.is_killable(id);
  house_.now(crew_.terminate_child("x"));
  house_.now(crew_.restart_child("x")); // killable now
  house_.crashes("y");
  house_.history();
  crew_.kill();
  EXPECT_EQ(house_.history(), "!y !x +x +y");
  EXPECT_EQ(crew_.now_is(), state::running);
  EXPECT_EQ(root_.which_child("crew")->restarts, 1U);
  EXPECT_THAT(root_.which_child("crew")->last_failure.message(), HasSubstr("killed"));
  EXPECT_TRUE(house_.lives("s"));
}

// SUP-23, SUP-82: it can be stopped and started by hand, and keeps its name
TEST_F(SupervisorTree, ASupervisorThatIsStoppedByHandIsRestartedIfItIsPermanent) {
  crew_.stop();
  EXPECT_EQ(house_.history(), "-y -x +x +y");
  EXPECT_EQ(house_.now(root_.terminate_child("crew")).what, kind::done);
  EXPECT_EQ(house_.history(), "-y -x");
  EXPECT_EQ(house_.now(crew_.start_child(house_.child("z"))).what, kind::ended);
  EXPECT_EQ(house_.now(root_.restart_child("crew")).what, kind::done);
  EXPECT_EQ(house_.history(), "+x +y");
  auto twice = crew_.start();
  EXPECT_THAT(house_.outcome(twice)->error().message(), HasSubstr("it runs already"));
}

// What a supervisor is started with again: what it was made with, and what has changed since.
TEST_F(SupervisorTree, ASupervisorThatIsRestartedKnowsWhatWasAddedAndWhatWasDeleted) {
  auto children = house_.children("ijkl");
  children[0].restart = restart::temporary;
  children[1].restart = restart::temporary;
  supervisor tree{house_.node, "tree", {.children = children}};
  house_.starts(tree);
  house_.now(tree.terminate_child("k"));
  tree.delete_child("k");
  house_.now(tree.terminate_child("l"));
  house_.ends("i");
  house_.ends("j");
  house_.history();
  ASSERT_EQ(house_.now(tree.start_child(house_.child("j"))).what, kind::done);
  ASSERT_EQ(house_.now(tree.start_child(house_.child("m"))).what, kind::done);
  ASSERT_EQ(
      house_.now(tree.start_child(house_.child({.id = "n", .restart = restart::temporary}))).what,
      kind::done);
  tree.stop();
  house_.history();
  auto again = tree.start();
  EXPECT_EQ(house_.history(), "+i +l +j +m") << "a is temporary, but it is one of those that the "
                                                "tree is made of; b is another one now; c was "
                                                "deleted; n was temporary";
  EXPECT_TRUE(house_.outcome(again)->has_value());
}

TEST_F(SupervisorTree, AGroupOfSupervisorsIsRestartedInOrder) {
  supervisor left{house_.node, "left", {.children = {house_.child("l")}}};
  supervisor right{house_.node, "right", {.children = {house_.child("r")}}};
  supervisor both{house_.node,
                  "both",
                  {.supervision = at_once(weir::one_for_all),
                   .children = {left.as_child(), right.as_child(), house_.child("m")}}};
  house_.starts(both);
  house_.is_deaf("r");
  house_.crashes("m");
  EXPECT_EQ(house_.history(), "~m -r") << "and left is left alone until right is gone";
  house_.obeys("r");
  EXPECT_EQ(house_.history(), "-l +l +r +m");
}

// SUP-49 of a supervisor; OTP calls escalation a shutdown, and would not restart it
TEST_F(SupervisorTree, ATransientSupervisorThatGivesUpIsRestarted) {
  supervisor inner{house_.node,
                   "inner",
                   {.supervision = at_once(weir::one_for_one, 0), .children = {house_.child("i")}}};
  supervisor outer{house_.node,
                   "outer",
                   {.supervision = at_once(weir::one_for_one),
                    .children = {inner.as_child(restart::transient)}}};
  house_.starts(outer);
  house_.crashes("i");
  EXPECT_EQ(house_.history(), "~i +i");
  inner.stop();
  EXPECT_EQ(house_.history(), "-i") << "it ended normally";
  EXPECT_EQ(outer.now_is(), state::running);
}

// SUP-76
TEST_F(SupervisorTree, CountsSupervisorsAndWorkers) {
  EXPECT_EQ(root_.count_children(),
            (weir::child_count{.specs = 3, .active = 3, .supervisors = 2, .workers = 1}));
  house_.now(root_.terminate_child("crew"));
  EXPECT_EQ(root_.count_children(),
            (weir::child_count{.specs = 3, .active = 2, .supervisors = 2, .workers = 1}));
}

// SUP-75, SUP-76
TEST_F(SupervisorTree, CountsThousandsExactly) {
  for (const auto type : {weir::child_type::worker, weir::child_type::supervisor}) {
    nursery house;
    supervisor many{house.node,
                    "many",
                    {.supervision = at_once(weir::dynamic),
                     .children = {{.id = "one", .restart = restart::temporary, .type = type}}}};
    house.starts(many);
    const auto counted = [&](std::size_t count) {
      const bool workers = type == weir::child_type::worker;
      EXPECT_EQ(many.count_children(), (weir::child_count{.specs = count,
                                                          .active = count,
                                                          .supervisors = workers ? 0 : count,
                                                          .workers = workers ? count : 0}));
    };
    std::vector<std::future<weir::child_answer>> answers;
    for (std::size_t k = 0; k < 2000; ++k) {
      answers.push_back(many.start_child(house.called(std::to_string(k))));
      if (k == 999) {
        house.history();
        counted(1000);
      }
    }
    house.history();
    counted(2000);
    for (auto& one : answers)
      ASSERT_EQ(one.get().what, kind::done);
    for (std::size_t k = 0; k < 2000; ++k)
      house.crashes(std::to_string(k));
    house.history();
    counted(0);
  }
}

} // namespace
