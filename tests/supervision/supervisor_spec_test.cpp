#include <weir/supervision/child_spec.hpp>

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>

// What makes no sense is refused by name; what makes sense is not.

namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using weir::auto_shutdown;
using weir::child_spec;
using weir::child_type;
using weir::problems;
using weir::restart;
using weir::shutdown;

child_spec good() {
  return {.id = "a", .start = [](const weir::child_link&) { return weir::child{.stop = [] {}}; }};
}
std::vector<std::string> problems_of(child_spec spec) {
  return problems(spec, auto_shutdown::any_significant);
}

// SUP-15
TEST(SupervisorSpec, WithoutIdOrStartIsRefused) {
  auto spec = good();
  spec.id = "";
  EXPECT_THAT(problems_of(spec), ElementsAre("child '': the id must not be empty"));
  spec = good();
  spec.start = {};
  EXPECT_THAT(problems_of(spec), ElementsAre("child 'a': start is missing"));
  EXPECT_EQ(problems_of({}).size(), 2U) << "both at once";
}

// SUP-28
TEST(SupervisorSpec, WithABadIdIsRefused) {
  auto spec = good();
  spec.id = "a\nb";
  EXPECT_THAT(problems_of(spec),
              ElementsAre("child 'a\nb': the id must not hold control characters"));
  spec.id = std::string(201, 'x');
  EXPECT_THAT(problems_of(spec), ElementsAre("child '" + std::string(200, 'x')
                                             + "': the id must not be longer than 200 bytes, "
                                               "found 201"));
  spec.id = std::string(200, 'x');
  EXPECT_THAT(problems_of(spec), IsEmpty());
}

// SUP-28
TEST(SupervisorSpec, WithANegativeShutdownIsRefused) {
  auto spec = good();
  spec.shutdown = -10ms;
  EXPECT_THAT(problems_of(spec),
              ElementsAre("child 'a': shutdown must not be negative, found -10 ms"));
  spec.shutdown = 0ms;
  EXPECT_THAT(problems_of(spec), IsEmpty());
  spec.shutdown = std::chrono::hours{24 * 365} + 1ms;
  EXPECT_THAT(problems_of(spec), ElementsAre("child 'a': shutdown must not be longer than a year, "
                                             "found 31536000001 ms"));
}

// SUP-28
TEST(SupervisorSpec, WithAValueThatIsNoneIsRefused) {
  auto spec = good();
  spec.restart = static_cast<restart>(7);
  EXPECT_THAT(problems_of(spec),
              ElementsAre("child 'a': restart is permanent, transient or temporary, found 7"));
  spec = good();
  spec.type = static_cast<child_type>(2);
  EXPECT_THAT(problems_of(spec), ElementsAre("child 'a': type is worker or supervisor, found 2"));
}

// SUP-28, SUP-65
TEST(SupervisorSpec, WithSignificanceThatCanMeanNothingIsRefused) {
  auto spec = good();
  spec.significant = true;
  EXPECT_THAT(problems_of(spec),
              ElementsAre("child 'a': significant needs restart transient or temporary, found "
                          "permanent"));
  spec.restart = restart::temporary;
  EXPECT_THAT(problems_of(spec), IsEmpty());
  EXPECT_THAT(problems(spec, auto_shutdown::never),
              ElementsAre("child 'a': significant needs a supervisor with auto_shutdown, found "
                          "never"));
}

// SUP-28, SUP-16
TEST(SupervisorSpec, IsAcceptedInEveryCombinationThatMakesSense) {
  int accepted = 0;
  for (const auto type : {restart::permanent, restart::transient, restart::temporary})
    for (const auto time : {shutdown{0ms}, shutdown{1000ms}, shutdown{1h}, shutdown::infinite(),
                            shutdown::brutal_kill()})
      for (const auto kind : {child_type::worker, child_type::supervisor})
        for (const bool significant : {false, true}) {
          if (significant && type == restart::permanent)
            continue;
          auto spec = good();
          spec.restart = type;
          spec.shutdown = time;
          spec.type = kind;
          spec.significant = significant;
          EXPECT_THAT(problems_of(spec), IsEmpty());
          ++accepted;
        }
  EXPECT_EQ(accepted, 50);
}

// SUP-13
TEST(SupervisorSpec, HasTheDefaultsOfOtp) {
  EXPECT_EQ(good().restart, restart::permanent);
  EXPECT_EQ(good().type, child_type::worker);
  EXPECT_FALSE(good().significant);
  EXPECT_EQ(shutdown::usual(child_type::worker), shutdown{5000ms});
  EXPECT_EQ(shutdown::usual(child_type::supervisor), shutdown::infinite());
}

// SUP-30
TEST(SupervisorSpec, OptionsThatMakeNoSenseAreRefused) {
  const auto of = [](weir::supervision_options options) { return problems(options); };
  EXPECT_THAT(of({}), IsEmpty());
  EXPECT_THAT(of({.intensity = 0}), IsEmpty()) << "no restart at all is a wish";
  EXPECT_THAT(
      of({.strategy = static_cast<weir::strategy>(9)}),
      ElementsAre("strategy is one_for_one, one_for_all, rest_for_one or dynamic, found 9"));
  EXPECT_THAT(of({.intensity = weir::unlimited}),
              ElementsAre("intensity is a number of restarts, found unlimited"));
  EXPECT_THAT(of({.period = 0ms}), ElementsAre("period must be longer than 0, found 0 ms"));
  EXPECT_THAT(of({.period = std::chrono::milliseconds::max()}).size(), 1U);
  EXPECT_THAT(of({.delays = {.delay_min = 2ms, .delay_max = 1ms}}),
              ElementsAre("delays: 0 <= delay_min <= delay_max, found 2 ms and 1 ms"));
  EXPECT_THAT(of({.delays = {.factor = 0.5}}).size(), 1U);
  EXPECT_THAT(of({.delays = {.jitter = 1.5}}).size(), 1U);
}

// What a child says is heard once, from any copy of its link.
TEST(SupervisorChildLink, IsHeardUntilItsLastWord) {
  std::string heard;
  const weir::child_link link{[&](const weir::internal::child_news& news) {
    using kind = weir::internal::child_news::kind;
    heard += news.what == kind::started   ? "started "
             : news.what == kind::ignored ? "ignored "
                                          : "exited (" + news.why.message() + ") ";
  }};
  const auto copy = link;
  link.started();
  copy.started();
  copy.exited(weir::fatal("it broke"));
  link.exited(weir::exit_reason::normal);
  link.started();
  link.ignored();
  EXPECT_EQ(heard, "started exited (it broke) ");
}

TEST(SupervisorChildLink, FailureWithoutAReasonGetsOne) {
  weir::failure heard;
  const weir::child_link link{
      [&](weir::internal::child_news news) { heard = std::move(news.why); }};
  link.exited(weir::exit_reason::failed);
  EXPECT_EQ(heard.message(), "it gave no reason");
}

} // namespace
