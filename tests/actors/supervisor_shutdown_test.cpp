#include "nursery.hpp"

// Significant children, and the supervisor that ends with them.

namespace {

using weir::auto_shutdown;
using weir::exit_reason;
using weir::restart;
using weir::supervisor;

struct household {
  nursery house;
  std::optional<supervisor> tree;

  /// Children a, b: significant; c: not. All of one restart type.
  household(auto_shutdown when, restart type, bool significant = true) {
    std::vector<weir::child_spec> children;
    for (const auto* id : {"a", "b"})
      children.push_back(house.child({.id = id, .restart = type, .significant = significant}));
    children.push_back(house.child({.id = "c", .restart = type}));
    tree.emplace(house.node, "tree",
                 weir::supervisor_options{.supervision = at_once(weir::one_for_one, 1000),
                                          .auto_shutdown = when,
                                          .children = std::move(children)});
    house.starts(*tree);
  }
  bool ended() {
    house.node.run_until_idle();
    return tree->now_is() == supervisor::state::ended;
  }
};

constexpr auto_shutdown modes[] = {auto_shutdown::never, auto_shutdown::any_significant,
                                   auto_shutdown::all_significant};

// SUP-61
TEST(SupervisorShutdown, NeverFollowsFromTemporaryChildrenWithoutSignificance) {
  for (const auto mode : modes) {
    household home{mode, restart::temporary, false};
    home.house.crashes("a");
    home.house.ends("b");
    home.house.now(home.tree->terminate_child("c"));
    EXPECT_FALSE(home.ended());
    EXPECT_EQ(home.tree->count_children().specs, 0U);
  }
}

// SUP-62
TEST(SupervisorShutdown, NeverFollowsFromTransientChildrenWithoutSignificance) {
  for (const auto mode : modes) {
    household home{mode, restart::transient, false};
    home.house.crashes("a");
    EXPECT_EQ(home.house.history(), "~a +a");
    home.house.ends("a");
    home.house.ends("b", exit_reason::shutdown);
    home.house.now(home.tree->terminate_child("c"));
    EXPECT_FALSE(home.ended());
  }
}

// SUP-63
TEST(SupervisorShutdown, FollowsFromAnySignificantChildThatEndsByItself) {
  for (const auto reason : {exit_reason::normal, exit_reason::shutdown, exit_reason::failed}) {
    household home{auto_shutdown::any_significant, restart::temporary};
    home.house.ends("c", reason);
    EXPECT_FALSE(home.ended());
    home.house.now(home.tree->terminate_child("b"));
    EXPECT_FALSE(home.ended()) << "it did not end by itself";
    home.house.history();
    home.house.ends("a", reason);
    EXPECT_TRUE(home.ended());
    EXPECT_EQ(home.tree->ended()->reason, exit_reason::shutdown);
  }
}

// SUP-63
TEST(SupervisorShutdown, FollowsFromTheLastOfAllSignificantChildren) {
  household home{auto_shutdown::all_significant, restart::temporary};
  home.house.crashes("a");
  EXPECT_FALSE(home.ended());
  home.house.ends("b");
  EXPECT_EQ(home.house.history(), "~a ~b -c");
  EXPECT_TRUE(home.ended());
}

// SUP-63
TEST(SupervisorShutdown, CountsOneThatWasTerminatedAsGoneButIsNotCausedByIt) {
  household home{auto_shutdown::all_significant, restart::temporary};
  home.house.crashes("a");
  home.house.now(home.tree->terminate_child("b"));
  EXPECT_FALSE(home.ended()) << "the last one did not end by itself";

  household other{auto_shutdown::all_significant, restart::temporary};
  other.house.now(other.tree->terminate_child("b"));
  other.house.crashes("a");
  EXPECT_TRUE(other.ended());
}

// SUP-63, of transient children
TEST(SupervisorShutdown, DoesNotFollowWhileASignificantChildIsRestarted) {
  household home{auto_shutdown::any_significant, restart::transient};
  home.house.crashes("a");
  EXPECT_EQ(home.house.history(), "~a +a");
  EXPECT_FALSE(home.ended());
  home.house.ends("a");
  EXPECT_EQ(home.house.history(), "~a -c -b");
  EXPECT_TRUE(home.ended());
}

TEST(SupervisorShutdown, NamesTheChildThatCausedItEvenIfItIsForgotten) {
  nursery house;
  std::vector<std::string> told;
  std::vector<weir::child_ref> which;
  supervisor tree{
      house.node,
      "tree",
      {.auto_shutdown = auto_shutdown::any_significant,
       .children = {house.child({.id = "a", .restart = restart::temporary, .significant = true})},
       .report = [&](const weir::child_event& event) {
         told.push_back(std::string{to_string(event.what)} + " " + event.child);
         which.push_back(event.ref);
       }}};
  house.starts(tree);
  const auto a = tree.which_child("a")->child;
  house.ends("a");
  house.history();
  EXPECT_EQ(told, (std::vector<std::string>{"started a", "ended a", "shut_down a"}));
  EXPECT_EQ(which, std::vector(3, a));
}

// SUP-67
TEST(SupervisorShutdown, GoesUpOnlyWhereTheNestedOneIsSignificantItself) {
  for (const bool significant : {false, true}) {
    nursery house;
    supervisor inner{house.node,
                     "inner",
                     {.auto_shutdown = auto_shutdown::any_significant,
                      .children = {house.child(
                          {.id = "x", .restart = restart::temporary, .significant = true})}}};
    auto nested = inner.as_child(restart::transient);
    nested.significant = significant;
    supervisor outer{
        house.node,
        "outer",
        {.auto_shutdown = auto_shutdown::any_significant, .children = {house.child("a"), nested}}};
    house.starts(outer);
    house.ends("x");
    EXPECT_EQ(house.history(), significant ? "~x -a" : "~x");
    EXPECT_EQ(inner.now_is(), supervisor::state::ended);
    EXPECT_EQ(outer.ended().has_value(), significant);
  }
}

} // namespace
