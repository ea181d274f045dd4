#include "nursery.hpp"

#include <algorithm>
#include <ctime>

#include <gmock/gmock.h>

// A dynamic supervisor: children of one spec that come and go, each with a reference instead of an id.

namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using weir::child_ref;
using weir::restart;
using weir::supervisor;
using kind = weir::child_answer::kind;

class SupervisorDynamic : public testing::Test {
protected:
  supervisor& tree(weir::child_spec spec = {}, std::uint32_t intensity = 5) {
    spec.id = "session";
    tree_.emplace(house_.node, "sessions",
                  weir::supervisor_options{.supervision = at_once(weir::dynamic, intensity),
                                           .children = {std::move(spec)}});
    house_.starts(*tree_);
    return *tree_;
  }
  child_ref child(const std::string& name) {
    const auto answer = house_.now(tree_->start_child(house_.called(name)));
    EXPECT_EQ(answer.what, kind::done) << answer.why.message();
    return answer.child;
  }
  kind terminate(child_ref which) { return house_.now(tree_->terminate_child(which)).what; }
  std::size_t count() {
    house_.node.run_until_idle();
    return tree_->count_children().specs;
  }

  nursery house_;
  std::optional<supervisor> tree_;
};

// SUP-38
TEST_F(SupervisorDynamic, RestartsTheOneThatDiedAndGivesUpBeyondItsIntensity) {
  auto& sessions = tree({}, 2);
  child("a");
  child("b");
  house_.crashes("a");
  house_.crashes("b");
  EXPECT_EQ(house_.history(), "+a +b ~a ~b +a +b");
  house_.crashes("a");
  EXPECT_EQ(house_.history(), "~a -b");
  ASSERT_TRUE(sessions.ended());
  EXPECT_THAT(sessions.ended()->why.message(),
              HasSubstr("supervisor 'sessions' ← escalated the failure of 'session'"));
}

// SUP-40
TEST_F(SupervisorDynamic, RestartsAChildWithWhatItWasStartedWith) {
  tree();
  child("anna");
  child("berta");
  house_.crashes("berta");
  EXPECT_EQ(house_.history(), "+anna +berta ~berta +berta");
}

// SUP-41
TEST_F(SupervisorDynamic, ARestartThatKeepsFailingEscalatesAndTheSiblingsGoToo) {
  auto& sessions = tree();
  child("a");
  child("b");
  house_.next_starts("a", std::vector(10, nursery::fails()));
  house_.history();
  house_.crashes("a");
  EXPECT_EQ(house_.history(), "~a +a +a +a +a +a -b");
  EXPECT_TRUE(sessions.ended());
}

// SUP-43
TEST_F(SupervisorDynamic, AChildWhoseRestartIsIgnoredIsGone) {
  tree();
  child("a");
  house_.next_starts("a", {nursery::ignores()});
  house_.crashes("a");
  EXPECT_EQ(count(), 0U);
}

// SUP-06, SUP-12
TEST_F(SupervisorDynamic, AChildThatIsIgnoredOrCantBeStartedIsNotListed) {
  auto& sessions = tree();
  house_.next_starts("a", {nursery::ignores(), nursery::fails("no room")});
  EXPECT_EQ(house_.now(sessions.start_child(house_.called("a"))).what, kind::ignored);
  const auto failed = house_.now(sessions.start_child(house_.called("a")));
  EXPECT_EQ(failed.what, kind::failed);
  EXPECT_THAT(failed.why.message(), HasSubstr("no room"));
  EXPECT_EQ(count(), 0U);
}

// SUP-14
TEST_F(SupervisorDynamic, HasASpecToBeReadByReference) {
  auto& sessions = tree({.restart = restart::transient, .shutdown = 7s});
  const auto a = child("a");
  const auto spec = sessions.get_child_spec(a);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->id, "session");
  EXPECT_EQ(spec->restart, restart::transient);
  EXPECT_EQ(spec->shutdown, weir::shutdown{7s});
  EXPECT_FALSE(sessions.get_child_spec("session"));
  EXPECT_THAT(sessions.get_child_spec(child_ref{}).error().message(),
              HasSubstr("it isn't a child of this supervisor"));
}

// SUP-26
TEST_F(SupervisorDynamic, IsAdministeredByReferenceOnly) {
  auto& sessions = tree();
  const auto a = child("a");
  EXPECT_EQ(house_.now(sessions.terminate_child("session")).what, kind::refused);
  EXPECT_EQ(house_.now(sessions.restart_child("session")).what, kind::refused);
  EXPECT_EQ(sessions.delete_child("session").what, kind::refused);
  EXPECT_EQ(house_.now(sessions.start_child(house_.child("b"))).what, kind::refused);
  EXPECT_EQ(sessions.change_child(house_.child("session")).what, kind::refused);
  EXPECT_EQ(sessions.which_child(a)->id, "session");

  supervisor others{house_.node,
                    "others",
                    {.supervision = at_once(weir::dynamic), .children = {house_.child("other")}}};
  house_.starts(others);
  const auto foreign = house_.now(others.start_child());
  ASSERT_EQ(foreign.what, kind::done);
  EXPECT_EQ(terminate(foreign.child), kind::not_found);
  EXPECT_EQ(others.count_children().active, 1U) << "it was not touched";

  EXPECT_EQ(terminate(a), kind::done);
  EXPECT_EQ(count(), 0U);
  EXPECT_EQ(terminate(a), kind::done) << "a dead one is as dead as was asked for";
}

// SUPX-1
TEST_F(SupervisorDynamic, AChildKeepsItsReferenceOverRestarts) {
  auto& sessions = tree();
  const auto a = child("a");
  house_.crashes("a");
  house_.history();
  EXPECT_EQ(sessions.which_child(a)->restarts, 1U);
  EXPECT_EQ(terminate(a), kind::done);
  EXPECT_FALSE(house_.lives("a"));
}

// SUP-20
TEST_F(SupervisorDynamic, KillsAllOfABrutalKillAtOnce) {
  auto& sessions = tree({.shutdown = weir::shutdown::brutal_kill()});
  for (char id = 'a'; id < 'k'; ++id) {
    house_.is_killable({id});
    child({id});
  }
  house_.history();
  sessions.stop();
  EXPECT_EQ(house_.history(), "!j !i !h !g !f !e !d !c !b !a");
  EXPECT_TRUE(sessions.ended());
}

// SUP-39
TEST_F(SupervisorDynamic, StopsAllAtOnceAndIsBoundedByOneChildsTime) {
  auto& sessions = tree({.shutdown = 2s});
  for (char id = 'a'; id < 'k'; ++id) {
    house_.is_deaf({id});
    child({id});
  }
  house_.history();
  sessions.stop();
  EXPECT_EQ(house_.history(), "-j -i -h -g -f -e -d -c -b -a");
  for (char id = 'a'; id < 'f'; ++id)
    house_.obeys({id});
  house_.after(1999ms);
  EXPECT_FALSE(sessions.ended());
  house_.after(1ms);
  EXPECT_TRUE(sessions.ended());
  EXPECT_EQ(sessions.count_children().abandoned, 5U);
}

// SUP-22
TEST_F(SupervisorDynamic, IsNotDisturbedByAnotherReasonWhenItStops) {
  auto& sessions = tree();
  for (const auto* id : {"a", "b", "c"}) {
    house_.is_deaf(id);
    child(id);
  }
  sessions.stop();
  house_.history();
  house_.crashes("a");
  house_.ends("b");
  house_.ends("c", weir::exit_reason::shutdown);
  house_.history();
  ASSERT_TRUE(sessions.ended());
  EXPECT_EQ(sessions.ended()->reason, weir::exit_reason::normal);
}

// SUP-85
TEST_F(SupervisorDynamic, AnswersWhileARestartHangs) {
  auto& sessions = tree();
  const auto a = child("a");
  house_.is_slow("a");
  house_.crashes("a");
  house_.history();
  EXPECT_EQ(to_string(sessions.which_child(a)->now), "starting");
  const auto b = child("b");
  EXPECT_EQ(count(), 2U);
  EXPECT_EQ(terminate(a), kind::done);
  EXPECT_EQ(count(), 1U);
  house_.is_slow("b");
  house_.crashes("b");
  house_.history();
  EXPECT_EQ(to_string(sessions.which_child(b)->now), "starting");
  sessions.stop();
  house_.history();
  EXPECT_TRUE(sessions.ended());
}

// SUP-85
TEST_F(SupervisorDynamic, ARestartThatKeepsFailingCanBeTakenBack) {
  auto& sessions = tree({}, 1'000'000);
  const auto a = child("a");
  house_.next_starts("a", std::vector(20, nursery::fails()));
  house_.is_slow("a");
  house_.crashes("a");
  house_.history();
  EXPECT_EQ(to_string(sessions.which_child(a)->now), "starting") << "the 21st";
  EXPECT_EQ(terminate(a), kind::done);
  EXPECT_EQ(count(), 0U);
}

// SUP-60, exceeded: OTP forgets what came while it ran
TEST_F(SupervisorDynamic, ItsChildrenSurviveItsOwnRestart) {
  auto& sessions = tree({}, 1);
  const auto a = child("a");
  const auto b = child("b");
  const auto gone = child("c");
  terminate(gone);
  house_.history();
  house_.crashes("b");
  house_.crashes("b");
  house_.history();
  house_.crashes("b");
  EXPECT_EQ(house_.history(), "~b -a");
  ASSERT_TRUE(sessions.ended());
  auto again = sessions.start();
  EXPECT_EQ(house_.history(), "+a +b") << "the one that brought it down too; c was told to go";
  EXPECT_TRUE(house_.outcome(again)->has_value());
  EXPECT_EQ(to_string(sessions.which_child(a)->now), "running");
  EXPECT_EQ(to_string(sessions.which_child(b)->now), "running");
  EXPECT_EQ(terminate(gone), kind::done);
}

TEST_F(SupervisorDynamic, AChildThatWasTerminatedDoesNotComeBackHoweverSlowlyItWent) {
  auto& sessions = tree();
  for (const auto* id : {"a", "b"})
    house_.is_deaf(id);
  const auto a = child("a");
  const auto b = child("b");
  const auto c = child("c");
  child("d");
  auto before = sessions.terminate_child(a);
  house_.history();
  sessions.stop();
  house_.history();
  auto meanwhile = sessions.terminate_child(b);
  EXPECT_EQ(terminate(c), kind::done) << "it is gone already";
  house_.obeys("a");
  house_.obeys("b");
  EXPECT_EQ(house_.now(std::move(before)).what, kind::done);
  EXPECT_EQ(house_.now(std::move(meanwhile)).what, kind::done);
  ASSERT_TRUE(sessions.ended());
  house_.history();
  auto again = sessions.start();
  EXPECT_EQ(house_.history(), "+d");
}

TEST_F(SupervisorDynamic, AChildThatWasAnsweredAsNotStartedDoesNotComeBack) {
  auto& sessions = tree();
  house_.is_slow("a");
  auto answer = sessions.start_child(house_.called("a"));
  EXPECT_EQ(house_.history(), "+a");
  sessions.stop();
  EXPECT_FALSE(house_.now(std::move(answer)));
  EXPECT_EQ(house_.history(), "-a");
  auto again = sessions.start();
  EXPECT_EQ(house_.history(), "");
}

TEST_F(SupervisorDynamic, TemporaryChildrenDontSurviveItsRestart) {
  auto& sessions = tree({.restart = restart::temporary});
  child("a");
  sessions.kill();
  house_.after(2s);
  ASSERT_TRUE(sessions.ended());
  house_.starts(sessions);
  EXPECT_EQ(count(), 0U);
}

TEST_F(SupervisorDynamic, AChildThatCantBeRecreatedDoesNotKeepItFromStarting) {
  auto& sessions = tree();
  child("a");
  child("b");
  sessions.stop();
  house_.history();
  house_.next_starts("a", {nursery::fails()});
  auto again = sessions.start();
  EXPECT_EQ(house_.history(), "+a +b +a");
  EXPECT_TRUE(house_.outcome(again)->has_value());
  EXPECT_EQ(sessions.count_children().active, 2U);
}

std::chrono::nanoseconds processor_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

/// In processor time of this thread, on which everything happens.
std::chrono::nanoseconds time_to_stop(std::size_t count) {
  weir::virtual_runtime node;
  supervisor sessions{node,
                      "sessions",
                      {.supervision = at_once(weir::dynamic),
                       .children = {{.id = "session", .restart = restart::temporary}}}};
  auto started = sessions.start();
  std::vector<std::future<weir::child_answer>> answers;
  for (std::size_t k = 0; k < count; ++k)
    answers.push_back(sessions.start_child([](const weir::child_link& link) {
      return weir::child{.stop = [link] { link.exited(weir::exit_reason::shutdown); }};
    }));
  node.run_until_idle();
  EXPECT_EQ(sessions.count_children().active, count);
  const auto before = processor_time();
  sessions.stop();
  node.run_until_idle();
  EXPECT_EQ(sessions.now_is(), supervisor::state::ended);
  return processor_time() - before;
}

// SUP-81: ten times the children are ten times the work, not a hundred times
TEST_F(SupervisorDynamic, StopsManyInProportion) {
  const auto best_of_three = [](std::size_t count) {
    return std::min({time_to_stop(count), time_to_stop(count), time_to_stop(count)});
  };
  EXPECT_LE(best_of_three(20'000), 50 * best_of_three(2'000));
}

} // namespace
