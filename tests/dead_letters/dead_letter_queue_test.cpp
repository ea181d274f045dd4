#include "dead_letter_queue_suite.hpp"

#include <weir/dead_letters/dead_letter_memory.hpp>

namespace weir::queue_tests {

struct memory_shelves {
  explicit memory_shelves(std::size_t capacity) : first{capacity} {}
  std::unique_ptr<dead_letter_queue> open() {
    return std::make_unique<dead_letters::memory>(first);
  }
  dead_letters::memory first;
};

INSTANTIATE_TYPED_TEST_SUITE_P(InMemory, DeadLetterQueue, memory_shelves);

TEST(DeadLetterTally, CountsTheRestTogether) {
  dead_letter_tally tally;
  for (std::size_t k = 0; k < dead_letter_queue::causes_max; ++k)
    tally.add({"parse", "cause " + std::to_string(k), 7});
  tally.add({"parse", "one more", 2});
  tally.add({"store", "one more", 2});
  tally.add({"parse", "and another", 1});
  const auto counts = std::move(tally).take();
  ASSERT_EQ(counts.size(), dead_letter_queue::causes_max + 2);
  EXPECT_EQ(counts[100], (dead_letter_count{"parse", "other causes", 3}));
  EXPECT_EQ(counts[101], (dead_letter_count{"store", "other causes", 2}));
}

TEST(DeadLetterFilter, SaysWhatItLetsThrough) {
  EXPECT_EQ(dead_letter_filter{}.text(), "all");
  const dead_letter_filter all{.ids = {1, 2},
                               .pipeline = "p",
                               .stage = "s",
                               .source = "in",
                               .cause = "c",
                               .kind = failure_kind::fatal,
                               .key = "",
                               .state = dead_letter_state::kept,
                               .since = at(0ms),
                               .until = at(1s),
                               .limit = 5};
  EXPECT_EQ(all.text(), "ids 1, 2, pipeline p, stage s, source in, cause 'c', kind fatal, key '', "
                        "state kept, since 2024-01-31T12:00:00.000Z, until "
                        "2024-01-31T12:00:01.000Z, the first 5");
  EXPECT_TRUE(internal::ids_text(std::vector<std::uint64_t>(103, 7)).ends_with("7, 7 and 3 more"));
}

TEST(DeadLetterFilter, TakesASourceForAllItsLives) {
  const auto from = [](std::string source) {
    dead_letter made;
    made.source = std::move(source);
    return made;
  };
  dead_letter_filter of;
  of.source = "http";
  EXPECT_TRUE(of.matches(from("http")));
  EXPECT_TRUE(of.matches(from("http@0123456789abcdef")));
  EXPECT_FALSE(of.matches(from("https@0123456789abcdef")));
  EXPECT_FALSE(of.matches(from("http@else")));
  of.source = "http@0123456789abcdef";
  EXPECT_TRUE(of.matches(from("http@0123456789abcdef")));
  EXPECT_FALSE(of.matches(from("http@0123456789abcde0")));
}

TEST(Utc, IsReadBackAsItIsWritten) {
  EXPECT_EQ(utc_text(at(7ms) + 999us), "2024-01-31T12:00:00.007Z");
  EXPECT_EQ(utc_text(wall_time{-1ms}), "1969-12-31T23:59:59.999Z");
  for (const auto when : {at(7ms), wall_time{-1ms}, wall_time{951782400s}, *read_utc("2261-12-31"),
                          *read_utc("1678-01-01")})
    EXPECT_EQ(read_utc(utc_text(when)), when);
  EXPECT_EQ(read_utc("2024-01-31"), at(-12h));
  EXPECT_EQ(read_utc("2024-01-31 12:00"), at(0ms));
  EXPECT_EQ(read_utc("2024-01-31T12:00:01Z"), at(1s));
  for (const auto* text :
       {"", "2024", "2024-02-30", "2024-01-31T", "2024-01-31T24:00", "2024-01-31T12:00:60",
        "2024-01-31T12:00:00.1Z", "2024-01-31Z1", "20240131", "2024-01-31T12:00:00.000+01:00",
        "2024-1-31", "2824-02-29", "1492-10-12"})
    EXPECT_FALSE(read_utc(text)) << text;
}

} // namespace weir::queue_tests
