#include <weir/pipeline/option_table.hpp>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string guide = WEIR_SOURCE_DIR "/docs/guide.md";

std::string text_of(const std::string& path) {
  std::ifstream in{path};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The table of the guide between its two marks is what the code says. With WEIR_WRITE_DOCS it is written there.
void expect_in_guide(const std::string& name, const std::string& table) {
  auto text = text_of(guide);
  const auto mark = "<!-- options " + name + " -->\n";
  const auto begin = text.find(mark);
  ASSERT_NE(begin, std::string::npos) << "docs/guide.md has no line " << mark;
  const auto from = begin + mark.size();
  const auto end = text.find("<!-- end -->", from);
  ASSERT_NE(end, std::string::npos);
  if (std::getenv("WEIR_WRITE_DOCS") != nullptr) {
    text.replace(from, end - from, table);
    std::ofstream{guide} << text;
    return;
  }
  EXPECT_EQ(text.substr(from, end - from), table)
      << "run this test with WEIR_WRITE_DOCS=1 in the environment, and commit docs/guide.md";
}

TEST(OptionTable, OfStagesIsTheGuides) {
  expect_in_guide("stage_options", weir::internal::stage_options_as_markdown());
}
TEST(OptionTable, OfBatchesIsTheGuides) {
  expect_in_guide("batch_options", weir::internal::batch_options_as_markdown());
}
TEST(OptionTable, OfSupervisionIsTheGuides) {
  expect_in_guide("supervision_options", weir::internal::supervision_options_as_markdown());
}

TEST(OptionTable, DefaultsAreWithinTheirBounds) {
  EXPECT_THAT(weir::internal::out_of_bounds(weir::stage_options{}), IsEmpty());
  EXPECT_THAT(weir::internal::out_of_bounds(weir::batch_options{}), IsEmpty());
  EXPECT_THAT(weir::internal::out_of_bounds(weir::supervision_options{}), IsEmpty());
}

TEST(OptionTable, SaysWhatWasExpectedAndWhatWasFound) {
  EXPECT_THAT(weir::internal::out_of_bounds(
                  weir::stage_options{.workers = 257,
                                      .mailbox_capacity = 0,
                                      .retry = {.attempts = 0,
                                                .delay_min = std::chrono::milliseconds{-5},
                                                .factor = std::numeric_limits<double>::quiet_NaN(),
                                                .jitter = 1.5},
                                      .timeout = std::chrono::hours{24 * 366}}),
              ElementsAre("workers must be 1 to 256, not 257",
                          "mailbox_capacity must be 1 to 1,048,576, not 0 items",
                          "retry.attempts must be at least 1, not 0",
                          "retry.delay_min must be 0 to 365 days, not -5 ms",
                          "retry.factor must be at least 1, not nan",
                          "retry.jitter must be 0 to 1, not 1.5",
                          "timeout must be 0 to 365 days, not 31,622,400,000 ms"));
}

/// Every option is at one bound and then beyond it, and only what is beyond is refused.
TEST(OptionTable, TakesEachBoundAndNothingBeyond) {
  weir::stage_options at;
  at.workers = 256;
  at.retry.jitter = 1.0;
  at.retry.factor = 1.0;
  EXPECT_THAT(weir::internal::out_of_bounds(at), IsEmpty());
  at.retry.factor = 0.99;
  EXPECT_THAT(weir::internal::out_of_bounds(at),
              ElementsAre("retry.factor must be at least 1, not 0.99"));
}

} // namespace
