#include "nursery.hpp"

#include <gmock/gmock.h>

// The requests about single children, with their answers in every state.

namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using weir::restart;
using weir::supervisor;
using kind = weir::child_answer::kind;

class SupervisorChildren : public testing::Test {
protected:
  supervisor& tree(weir::supervisor_options options) {
    tree_.emplace(house_.node, "tree", std::move(options));
    house_.starts(*tree_);
    return *tree_;
  }
  supervisor& tree(const std::string& ids, weir::strategy how = weir::one_for_one) {
    return tree({.supervision = at_once(how), .children = house_.children(ids)});
  }
  std::string now_is(const std::string& id) {
    house_.node.run_until_idle();
    const auto found = tree_->which_child(id);
    return found ? std::string{to_string(found->now)} : found.error().chain.back();
  }

  nursery house_;
  std::optional<supervisor> tree_;
};

// SUP-01
TEST_F(SupervisorChildren, ATreeStartsWithoutAnyAndEndsWhenItIsTold) {
  auto& none = tree("");
  EXPECT_EQ(none.now_is(), supervisor::state::running);
  EXPECT_EQ(none.count_children(), weir::child_count{});
  none.stop();
  house_.history();
  ASSERT_TRUE(none.ended());
  EXPECT_EQ(none.ended()->reason, weir::exit_reason::normal);
}

// SUP-03, SUP-76 (the counts)
TEST_F(SupervisorChildren, OneThatIsIgnoredKeepsItsSpec) {
  house_.next_starts("a", {nursery::ignores()});
  auto& two = tree("ab");
  EXPECT_EQ(now_is("a"), "down");
  EXPECT_EQ(two.count_children(), (weir::child_count{.specs = 2, .active = 1, .workers = 2}));
  EXPECT_EQ(house_.now(two.restart_child("a")).what, kind::done) << "it may be needed now";
  EXPECT_EQ(two.count_children(), (weir::child_count{.specs = 2, .active = 2, .workers = 2}));
}

// SUP-05
TEST_F(SupervisorChildren, ATemporaryOneThatIsIgnoredIsForgotten) {
  auto& none = tree("");
  house_.next_starts("a", {nursery::ignores(), nursery::ignores()});
  auto spec = house_.child({.id = "a", .restart = restart::temporary});
  EXPECT_EQ(house_.now(none.start_child(spec)).what, kind::ignored);
  EXPECT_EQ(none.count_children().specs, 0U);
  spec.restart = restart::permanent;
  EXPECT_EQ(house_.now(none.start_child(spec)).what, kind::ignored);
  EXPECT_EQ(none.count_children().specs, 1U) << "the spec of another one is kept";
}

// SUP-10
TEST_F(SupervisorChildren, OneThatCantBeStartedIsNotListedAndTheCallerIsToldWhy) {
  auto& one = tree("a");
  house_.next_starts(
      "b", {nursery::fails("no disk"),
            [](const auto&) -> weir::start_answer { throw std::runtime_error{"no memory"}; },
            [](const auto&) -> weir::start_answer { return weir::child{}; }});
  for (const auto* why : {"no disk", "no memory", "neither be stopped nor killed"}) {
    const auto answer = house_.now(one.start_child(house_.child("b")));
    EXPECT_EQ(answer.what, kind::failed);
    EXPECT_THAT(answer.why.message(), HasSubstr(why));
    EXPECT_EQ(answer.why.chain.front(), "supervisor 'tree' could not start a child");
  }
  EXPECT_EQ(one.count_children().specs, 1U);
  EXPECT_EQ(house_.now(one.start_child(house_.child("b"))).what, kind::done);
}

// SUP-25
TEST_F(SupervisorChildren, LiveAndAreAdministeredById) {
  auto& one = tree("a");
  // running
  const auto again = house_.now(one.start_child(house_.child("a")));
  EXPECT_EQ(again.what, kind::already_started);
  EXPECT_EQ(again.child, one.which_child("a")->child) << "and which it is";
  EXPECT_EQ(house_.now(one.restart_child("a")).what, kind::running);
  EXPECT_EQ(one.delete_child("a").what, kind::running);
  EXPECT_EQ(house_.now(one.terminate_child("x")).what, kind::not_found);
  EXPECT_EQ(house_.now(one.restart_child("x")).what, kind::not_found);
  EXPECT_EQ(one.delete_child("x").what, kind::not_found);
  EXPECT_EQ(one.delete_child("x").why.message(), "supervisor 'tree' ← there is no child 'x'");
  // down
  EXPECT_EQ(house_.now(one.terminate_child("a")).what, kind::done);
  EXPECT_EQ(house_.history(), "-a");
  EXPECT_EQ(house_.now(one.terminate_child("a")).what, kind::done) << "twice is as good as once";
  EXPECT_EQ(now_is("a"), "down");
  EXPECT_EQ(house_.now(one.start_child(house_.child("a"))).what, kind::already_present);
  EXPECT_EQ(one.count_children(), (weir::child_count{.specs = 1, .active = 0, .workers = 1}));
  // and up again
  EXPECT_EQ(house_.now(one.restart_child("a")).what, kind::done);
  EXPECT_EQ(house_.history(), "+a");
  house_.now(one.terminate_child("a"));
  EXPECT_EQ(one.delete_child("a").what, kind::done);
  EXPECT_EQ(now_is("a"), "there is no child 'a'");
  EXPECT_EQ(house_.now(one.restart_child("a")).what, kind::not_found);
  EXPECT_EQ(house_.now(one.start_child(house_.child("a"))).what, kind::done);
  // by reference only if it is dynamic
  EXPECT_EQ(house_.now(one.terminate_child(one.which_child("a")->child)).what, kind::refused);
  // nobody there
  one.stop();
  house_.history();
  EXPECT_EQ(house_.now(one.start_child(house_.child("b"))).what, kind::ended);
  EXPECT_EQ(house_.now(one.terminate_child("a")).what, kind::ended);
  EXPECT_EQ(house_.now(one.restart_child("a")).what, kind::ended);
  EXPECT_EQ(one.delete_child("a").what, kind::ended);
  EXPECT_EQ(now_is("a"), "down");
}

// SUP-25
TEST_F(SupervisorChildren, AnAskedForRestartThatFailsLeavesItDown) {
  auto& one = tree("a");
  house_.now(one.terminate_child("a"));
  house_.next_starts("a", {nursery::fails("no disk")});
  const auto answer = house_.now(one.restart_child("a"));
  EXPECT_EQ(answer.what, kind::failed);
  EXPECT_THAT(answer.why.message(), HasSubstr("no disk"));
  EXPECT_EQ(now_is("a"), "down");
  EXPECT_EQ(house_.after(1h), "-a +a") << "nobody tries it again by himself";
}

// SUP-80
TEST_F(SupervisorChildren, TemporaryOnesCanBeStartedAnewAndOthersCant) {
  for (const auto how : {weir::one_for_one, weir::one_for_all, weir::rest_for_one}) {
    for (const auto type : {restart::temporary, restart::transient, restart::permanent}) {
      nursery house;
      supervisor tree{house.node, "tree", {.supervision = at_once(how)}};
      house.starts(tree);
      const auto spec = house.child({.id = "a", .restart = type});
      const auto start = [&] { return house.now(tree.start_child(spec)).what; };
      EXPECT_EQ(start(), kind::done);
      const auto known = type == restart::permanent ? kind::already_started : kind::already_present;
      const auto after = [&](kind otherwise) {
        house.history();
        EXPECT_EQ(start(), type == restart::temporary ? kind::done : otherwise);
        if (type == restart::transient) {
          house.now(tree.restart_child("a"));
        }
      };
      house.ends("a");
      after(known);
      house.crashes("a");
      after(kind::already_started);
      house.now(tree.terminate_child("a"));
      after(kind::already_present);
    }
  }
}

// SUP-79
TEST_F(SupervisorChildren, NothingIsKeptOfTheStartOfATemporaryOne) {
  for (const auto type : {restart::temporary, restart::transient, restart::permanent}) {
    auto& none = tree("");
    const auto held = std::make_shared<int>(1);
    weir::child_spec spec{.id = "a", .restart = type};
    spec.start = [held](const weir::child_link&) { return weir::child{.stop = [] {}}; };
    house_.now(none.start_child(std::exchange(spec, {})));
    EXPECT_EQ(held.use_count(), type == restart::temporary ? 1 : 2);
    none.kill();
  }
}

// SUP-83
TEST_F(SupervisorChildren, AreAnsweredForWhileARestartHangs) {
  auto& two = tree("ab");
  house_.is_slow("a");
  house_.crashes("a");
  EXPECT_EQ(house_.history(), "~a +a") << "and it is not there yet";
  EXPECT_EQ(now_is("a"), "starting");
  EXPECT_EQ(now_is("b"), "running");
  EXPECT_EQ(two.count_children().specs, 2U);
  EXPECT_EQ(house_.now(two.start_child(house_.child("a"))).what, kind::already_present);
  EXPECT_EQ(house_.now(two.restart_child("a")).what, kind::restarting);
  EXPECT_EQ(two.delete_child("a").what, kind::restarting);
  EXPECT_EQ(house_.now(two.start_child(house_.child("c"))).what, kind::done) << "others come";
  EXPECT_EQ(house_.now(two.terminate_child("b")).what, kind::done) << "and go";
  EXPECT_EQ(house_.now(two.terminate_child("a")).what, kind::done);
  EXPECT_EQ(house_.history(), "+c -b -a");
  EXPECT_EQ(now_is("a"), "down");
}

// SUP-83
TEST_F(SupervisorChildren, ARestartThatKeepsFailingCanBeTakenBack) {
  auto& two = tree({.supervision = {.intensity = 1000, .delays = {.delay_min = 10ms}},
                    .children = house_.children("ab")});
  house_.next_starts("a", std::vector(1000, nursery::fails()));
  house_.crashes("a");
  house_.after(1s);
  EXPECT_EQ(now_is("a"), "restarting");
  EXPECT_EQ(house_.now(two.start_child(house_.child("a"))).what, kind::already_present);
  EXPECT_EQ(house_.now(two.restart_child("a")).what, kind::restarting);
  EXPECT_EQ(two.delete_child("a").what, kind::restarting);
  EXPECT_EQ(house_.now(two.terminate_child("a")).what, kind::done);
  EXPECT_EQ(now_is("a"), "down");
  house_.history();
  EXPECT_EQ(house_.after(1h), "");
}

// SUP-83
TEST_F(SupervisorChildren, AHangingRestartDoesNotKeepTheTreeFromStopping) {
  auto& two = tree("ab");
  house_.is_slow("a");
  house_.crashes("a");
  EXPECT_EQ(house_.history(), "~a +a");
  two.stop();
  EXPECT_EQ(house_.history(), "-b -a");
  EXPECT_TRUE(two.ended());
}

// SUP-96
TEST_F(SupervisorChildren, AreSeenInEveryState) {
  auto& six = tree({.supervision = {.strategy = weir::one_for_one,
                                    .delays = {.delay_min = 1s, .delay_max = 1s, .jitter = 0}},
                    .children = house_.children("abcde")});
  house_.is_slow("s");
  house_.is_deaf("c");
  house_.crashes("b", "it broke");
  auto stopping = six.terminate_child("c");
  auto down = six.terminate_child("d");
  auto starting = six.start_child(house_.child("s"));
  house_.history();
  std::vector<std::string> seen;
  for (const auto& one : six.which_children())
    seen.push_back(one.id + " " + std::string{to_string(one.now)} + " "
                   + std::to_string(one.restarts)
                   + (one.last_failure.chain.empty() ? "" : " " + one.last_failure.message()));
  EXPECT_THAT(seen, ElementsAre("a running 0", "b restarting 0 it broke", "c stopping 0",
                                "d down 0", "e running 0", "s starting 0"));
  EXPECT_EQ(six.count_children(), (weir::child_count{.specs = 6, .active = 4, .workers = 6}));
  EXPECT_EQ(now_is("x"), "there is no child 'x'");
  EXPECT_EQ(house_.after(1s), "+b");
  EXPECT_EQ(six.which_child("b")->restarts, 1U);
  house_.has_started("s");
  EXPECT_EQ(house_.now(std::move(starting)).what, kind::done);
  EXPECT_EQ(now_is("s"), "running");
  house_.obeys("c");
  EXPECT_EQ(house_.now(std::move(stopping)).what, kind::done);
}

// SUP-13
TEST_F(SupervisorChildren, HaveSpecsThatCanBeReadWithTheirDefaults) {
  auto worker = house_.child("w");
  auto nested = house_.child("s");
  nested.type = weir::child_type::supervisor;
  auto& two = tree({.children = {worker, nested}});
  const auto read = two.get_child_spec("w");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, "w");
  EXPECT_TRUE(read->start);
  EXPECT_EQ(read->restart, restart::permanent);
  EXPECT_EQ(read->type, weir::child_type::worker);
  EXPECT_FALSE(read->significant);
  EXPECT_EQ(read->shutdown, weir::shutdown{5s});
  EXPECT_EQ(two.get_child_spec("s")->shutdown, weir::shutdown::infinite());
  EXPECT_EQ(two.get_child_spec("x").error().message(), "supervisor 'tree' ← there is no child 'x'");
}

// SUP-47, SUP-83: a start may take time, be called off, or fail late
TEST_F(SupervisorChildren, MayTakeTimeToStart) {
  house_.is_slow("a");
  house_.is_slow("b");
  tree_.emplace(house_.node, "tree",
                weir::supervisor_options{.supervision = at_once(weir::one_for_one),
                                         .children = house_.children("abc")});
  auto started = tree_->start();
  EXPECT_EQ(house_.history(), "+a") << "b comes once a is there";
  EXPECT_FALSE(house_.outcome(started));
  house_.has_started("a");
  EXPECT_EQ(house_.history(), "+b");
  house_.says_ignore("b");
  EXPECT_EQ(house_.history(), "+c");
  EXPECT_TRUE(house_.outcome(started)->has_value());
  EXPECT_EQ(now_is("b"), "down");

  auto late = tree_->restart_child("b");
  house_.history();
  house_.crashes("b", "too late");
  const auto answer = house_.now(std::move(late));
  EXPECT_EQ(answer.what, kind::failed);
  EXPECT_THAT(answer.why.message(), HasSubstr("too late"));

  auto ended = tree_->restart_child("b");
  house_.history();
  house_.ends("b");
  EXPECT_THAT(house_.now(std::move(ended)).why.message(), HasSubstr("before it had started"));

  auto called_off = tree_->restart_child("b");
  house_.history();
  EXPECT_EQ(house_.now(tree_->terminate_child("b")).what, kind::done);
  EXPECT_THAT(house_.now(std::move(called_off)).why.message(), HasSubstr("it was terminated"));
}

// SUP-47: a sibling takes one down that has never been there
TEST_F(SupervisorChildren, AreNotAllStartedWhileOneOfThemHasNeverBeenThere) {
  for (const bool works : {true, false}) {
    nursery house;
    house.is_slow("b");
    supervisor two{house.node,
                   "two",
                   {.supervision = at_once(weir::one_for_all), .children = house.children("ab")}};
    auto started = two.start();
    EXPECT_EQ(house.history(), "+a +b");
    if (!works)
      house.next_starts("b", {nursery::fails("no disk")});
    house.crashes("a");
    if (works) {
      EXPECT_EQ(house.history(), "~a -b +a +b");
      EXPECT_FALSE(house.outcome(started)) << "b was told to stop before it was there";
      EXPECT_EQ(two.now_is(), supervisor::state::starting);
      house.has_started("b");
      EXPECT_TRUE(house.outcome(started)->has_value());
      continue;
    }
    EXPECT_EQ(house.history(), "~a -b +a +b -a");
    const auto how = house.outcome(started);
    ASSERT_TRUE(how && !*how);
    EXPECT_EQ(how->error().message(),
              "supervisor 'two' ← escalated the failure of 'b': could not be started ← no disk");
  }
}

TEST_F(SupervisorChildren, ThatWereAddedAndNeverStartedAreNotThereInTheNextLife) {
  auto& two = tree("ab", weir::one_for_all);
  house_.is_deaf("b");
  house_.crashes("a");
  auto added = two.start_child(house_.child("c")); // waits for its group
  EXPECT_EQ(house_.history(), "~a -b");
  two.stop();
  house_.obeys("b");
  EXPECT_EQ(house_.now(std::move(added)).what, kind::ended);
  house_.is_deaf("b", false);
  auto again = two.start();
  EXPECT_EQ(house_.history(), "+a +b");
}

TEST_F(SupervisorChildren, CanBeLookedAtOnceItHasEnded) {
  auto& two =
      tree({.supervision = at_once(weir::one_for_one, 1), .children = house_.children("ab")});
  const auto a = two.which_child("a")->child;
  house_.crashes("a", "the first");
  house_.history();
  house_.crashes("a", "the last");
  house_.history();
  ASSERT_TRUE(two.ended());
  EXPECT_EQ(two.which_child("a")->restarts, 1U);
  EXPECT_EQ(two.which_child(a)->last_failure.message(), "the last");
  EXPECT_EQ(two.which_children().size(), 2U);
  EXPECT_EQ(two.count_children(), (weir::child_count{.specs = 2, .active = 0, .workers = 2}));
  house_.starts(two);
  EXPECT_EQ(two.which_child(a)->restarts, 0U) << "a new life";
}

TEST_F(SupervisorChildren, ArentWaitedForIfItHasNeverBegun) {
  supervisor idle{house_.node, "idle", {.children = {{.id = "a"}}}};
  EXPECT_FALSE(house_.node.ready());
  EXPECT_FALSE(idle.start().get()) << "a start is missing";
  idle.stop();
  EXPECT_EQ(idle.wait().reason, weir::exit_reason::normal);
  EXPECT_FALSE(idle.wait_until(house_.node.now() + 1s));
}

TEST_F(SupervisorChildren, CanBeStartedByThoseWhoCantWait) {
  auto& one = tree("a");
  std::vector<kind> answers;
  const auto note = [&](const weir::child_answer& answer) {
    answers.push_back(answer.what);
    (void)one.which_children(); // no lock is held
  };
  house_.is_slow("b");
  one.start_child(house_.child("b"), note);
  house_.history();
  EXPECT_THAT(answers, testing::IsEmpty());
  house_.has_started("b");
  house_.history();
  EXPECT_THAT(answers, ElementsAre(kind::done));
  one.start_child(house_.child("b"), note);
  one.start_child(weir::start_function{}, note);
  EXPECT_THAT(answers, ElementsAre(kind::done, kind::already_started, kind::refused)) << "at once";
  house_.is_slow("c");
  one.start_child(house_.child("c"), note);
  house_.history();
  tree_.reset();
  EXPECT_THAT(answers, ElementsAre(kind::done, kind::already_started, kind::refused, kind::failed));
}

TEST_F(SupervisorChildren, AreNotConcernedByAReportThatThrows) {
  auto& one =
      tree({.supervision = at_once(weir::one_for_one),
            .children = house_.children("a"),
            .report = [](const weir::child_event&) { throw std::runtime_error{"no log"}; }});
  house_.crashes("a");
  EXPECT_EQ(house_.history(), "~a +a");
  EXPECT_EQ(one.now_is(), supervisor::state::running);
}

/// A start that can't always be copied: which the supervisor does in its turn.
struct fragile_start {
  bool* broken;
  weir::start_function start;

  fragile_start(bool& when, weir::start_function what) : broken{&when}, start{std::move(what)} {}
  fragile_start(const fragile_start& other) : broken{other.broken}, start{other.start} {
    if (std::exchange(*broken, false))
      throw std::runtime_error{"no memory"};
  }
  weir::start_answer operator()(weir::child_link link) const { return start(std::move(link)); }
};

// Whatever is thrown in a turn of the supervisor itself, nobody is left alone.
TEST(SupervisorDefect, EndsItWithItsChildrenAndItCanBeRestarted) {
  nursery house;
  bool broken = false;
  for (const auto* id : {"x", "y"})
    house.is_killable(id);
  auto children = house.children("xy");
  children[0].start = fragile_start{broken, children[0].start};
  supervisor inner{
      house.node, "inner", {.supervision = at_once(weir::one_for_one), .children = children}};
  supervisor outer{house.node,
                   "outer",
                   {.supervision = at_once(weir::one_for_one), .children = {inner.as_child()}}};
  house.starts(outer);
  broken = true;
  house.crashes("x");
  EXPECT_EQ(house.history(), "~x !y +x +y");
  EXPECT_EQ(outer.which_child("inner")->restarts, 1U);
  EXPECT_EQ(outer.which_child("inner")->last_failure.message(), "supervisor 'inner' ← no memory");
  outer.stop();
  EXPECT_EQ(house.history(), "-y -x");
}

// SUP-15, SUP-28, SUP-30, SUP-65
TEST_F(SupervisorChildren, SpecsAndOptionsThatMakeNoSenseAreRefusedByName) {
  const auto refusal = [&](weir::supervisor_options options) {
    supervisor bad{house_.node, "bad", std::move(options)};
    auto started = bad.start();
    const auto how = house_.outcome(started);
    EXPECT_TRUE(how && !*how);
    EXPECT_EQ(house_.history(), "") << "nothing was started";
    EXPECT_EQ(bad.now_is(), supervisor::state::idle);
    return how->error().message();
  };
  EXPECT_EQ(refusal({.children = {house_.child("a"), house_.child("b"), house_.child("a")}}),
            "supervisor 'bad' can't start ← two children have the id 'a'");
  EXPECT_EQ(
      refusal({.supervision = {.period = 0s}, .children = {house_.child("")}}),
      "supervisor 'bad' can't start ← period must be longer than 0, found 0 ms ← child '': the "
      "id must not be empty");
  EXPECT_EQ(refusal({.supervision = {.strategy = weir::dynamic}}),
            "supervisor 'bad' can't start ← a dynamic supervisor has one child spec, found 0");
  EXPECT_EQ(refusal({.supervision = {.strategy = weir::dynamic},
                     .auto_shutdown = weir::auto_shutdown::any_significant,
                     .children = {house_.child("a")}}),
            "supervisor 'bad' can't start ← auto_shutdown is not for a dynamic supervisor");
  EXPECT_THAT(refusal({.auto_shutdown = static_cast<weir::auto_shutdown>(5)}),
              HasSubstr("auto_shutdown is never, any_significant or all_significant, found 5"));

  auto& one = tree("a");
  auto spec = house_.child("b");
  spec.shutdown = -1ms;
  const auto answer = house_.now(one.start_child(spec));
  EXPECT_EQ(answer.what, kind::refused);
  EXPECT_EQ(answer.why.message(),
            "supervisor 'tree' refuses a spec ← child 'b': shutdown must not be "
            "negative, found -1 ms");
  EXPECT_EQ(house_.now(one.start_child()).what, kind::refused) << "it isn't dynamic";
  EXPECT_EQ(one.count_children().specs, 1U);
}

// SUP-08, SUP-09, SUP-54
TEST_F(SupervisorChildren, OneThatCantBeStartedEndsTheStartOfTheTreeWithTheTrueCause) {
  supervisor inner{house_.node,
                   "inner",
                   {.supervision = at_once(weir::one_for_one), .children = house_.children("xy")}};
  supervisor outer{house_.node,
                   "outer",
                   {.supervision = at_once(weir::one_for_one),
                    .children = {house_.child("a"), inner.as_child(), house_.child("b")}}};
  house_.next_starts("y", {[](const auto&) -> weir::start_answer {
                       throw std::runtime_error{"the port is taken"};
                     }});
  auto started = outer.start();
  EXPECT_EQ(house_.history(), "+a +x +y -x -a");
  const auto how = house_.outcome(started);
  ASSERT_TRUE(how && !*how);
  EXPECT_EQ(how->error().message(),
            "supervisor 'outer' ← escalated the failure of 'inner': could not be started ← "
            "supervisor 'inner' ← "
            "escalated the failure of 'y': could not be started ← the port is taken");
  EXPECT_EQ(outer.now_is(), supervisor::state::ended);
  EXPECT_EQ(inner.now_is(), supervisor::state::ended);
  auto again = outer.start();
  EXPECT_EQ(house_.history(), "+a +x +y +b") << "nothing of that is left over";
  EXPECT_TRUE(house_.outcome(again)->has_value());
}

// SUP-74, SUP-86..89
TEST_F(SupervisorChildren, CanHaveTheirSpecReplacedWhileTheyRun) {
  auto first = house_.child({.id = "a", .restart = restart::transient});
  auto& two = tree({.supervision = at_once(weir::one_for_one),
                    .auto_shutdown = weir::auto_shutdown::any_significant,
                    .children = {first, house_.child("b")}});
  auto changed = first;
  changed.significant = true;
  changed.restart = restart::permanent;
  const auto refused = two.change_child(changed);
  EXPECT_EQ(refused.what, kind::refused);
  EXPECT_THAT(refused.why.message(), HasSubstr("significant needs restart transient or temporary"));
  EXPECT_FALSE(two.get_child_spec("a")->significant) << "a bad spec leaves the old one";
  EXPECT_EQ(two.change_child(house_.child("x")).what, kind::not_found);

  changed.restart = restart::transient;
  EXPECT_EQ(two.change_child(changed).what, kind::done);
  EXPECT_EQ(house_.history(), "") << "it runs on";
  EXPECT_TRUE(two.get_child_spec("a")->significant);
  house_.ends("a");
  EXPECT_EQ(house_.history(), "~a -b");
  EXPECT_TRUE(two.ended());
}

// SUP-83: in OTP the caller would wait, and the supervisor with it
TEST_F(SupervisorChildren, OneThatIsAddedWhileItsGroupIsRestartedComesAfterIt) {
  auto& three = tree("abc", weir::rest_for_one);
  house_.is_deaf("c");
  house_.crashes("a");
  EXPECT_EQ(house_.history(), "~a -c");
  auto added = three.start_child(house_.child("d"));
  EXPECT_EQ(house_.now(three.start_child(house_.child("d"))).what, kind::already_started);
  EXPECT_EQ(house_.history(), "");
  house_.obeys("c");
  EXPECT_EQ(house_.history(), "-b +a +b +c +d");
  EXPECT_EQ(house_.now(std::move(added)).what, kind::done);
}

// SUP-95
TEST_F(SupervisorChildren, OneThatRunsElsewhereIsAFailureLikeOthers) {
  auto& one = tree("a");
  house_.next_starts("b", {nursery::fails("already started elsewhere")});
  EXPECT_THAT(house_.now(one.start_child(house_.child("b"))).why.message(),
              HasSubstr("already started elsewhere"));
  EXPECT_EQ(now_is("a"), "running");
}

TEST_F(SupervisorChildren, AreNotHeardTwiceNorAfterTheirEnd) {
  auto& one = tree("a");
  const auto old = house_.link_of("a");
  house_.crashes("a");
  house_.crashes("a", "again");
  house_.history();
  EXPECT_EQ(house_.starts("a"), 2U) << "it ended once";
  old.exited(weir::fatal("from the grave"));
  old.started();
  house_.history();
  EXPECT_EQ(now_is("a"), "running");
  EXPECT_EQ(one.which_child("a")->restarts, 1U) << "a dead instance has nothing to say";
  house_.says_ignore("a"); // which it can't be any more
  house_.history();
  EXPECT_EQ(house_.starts("a"), 3U) << "it has ended, and is permanent";
  tree_.reset();
  house_.link_of("a").exited(weir::fatal("nobody is there"));
}

} // namespace
