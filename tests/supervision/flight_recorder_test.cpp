#include "recorder_file.hpp"

#include <algorithm>
#include <csignal>
#include <numeric>
#include <optional>
#include <random>

#include <sys/stat.h>
#include <unistd.h>

namespace {

using weir::internal::origin;
using weir::internal::suspect;

/// What the next life knows of a position.
class next_life {
public:
  explicit next_life(const recorder_file& file, std::uint64_t resume_after = 0)
      : recorder_{file.open()} {
    for (const auto* stage : {"first", "second"})
      for (const auto* partition : {"a", "b"})
        recorder_->suspects().watch(weir::internal::flight_key("p", stage),
                                    weir::internal::flight_key("p", partition), resume_after);
  }

  std::optional<suspect> at(const char* stage, const char* partition,
                            std::uint64_t position) const {
    return recorder_->suspects().at(weir::internal::flight_key("p", stage),
                                    weir::internal::flight_key("p", partition), position);
  }
  std::uint32_t deaths(const char* stage, const char* partition, std::uint64_t position) const {
    const auto known = at(stage, partition, position);
    return known ? known->deaths : 0;
  }
  /// Positions of partition a that are suspected at the first stage.
  std::vector<std::uint64_t> suspected(std::uint64_t up_to) const {
    std::vector<std::uint64_t> all;
    for (std::uint64_t k = 0; k <= up_to; ++k)
      if (deaths("first", "a", k) > 0)
        all.push_back(k);
    return all;
  }
  const weir::internal::flight_recorder::life& last() const { return recorder_->last_life(); }
  bool any() const { return recorder_->suspects().remain(); }

private:
  std::unique_ptr<weir::internal::flight_recorder> recorder_;
};

TEST(FlightRecorder, RemembersWhatWasInHand) {
  const recorder_file file;
  file.die([](auto hands) { hands[4].take(origin{1, 17}.word()); });
  const next_life now{file};
  const auto known = now.at("second", "b", 17);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->deaths, 1U);
  EXPECT_EQ(known->alone, 1U);
  EXPECT_EQ(known->last_status(), std::nullopt);
  EXPECT_FALSE(now.at("second", "b", 16) || now.at("second", "a", 17) || now.at("first", "b", 17));
  ASSERT_EQ(now.last().deaths.size(), 1U);
  EXPECT_TRUE(now.last().died);
  EXPECT_EQ(now.last().deaths[0].pid, ::getpid());
  EXPECT_EQ(now.last().deaths[0].in_hand, "stage 'second', b:17");
}

TEST(FlightRecorder, ForgetsWhatWasDone) {
  const recorder_file file;
  file.die([](auto hands) {
    hands[0].take(origin{0, 1}.word());
    hands[0].take(origin{0, 2}.word());
    hands[1].take(origin{0, 3}.word());
    hands[1].empty();
  });
  EXPECT_EQ(next_life{file}.suspected(10), (std::vector<std::uint64_t>{2}));
}

TEST(FlightRecorder, ForgetsEverythingAfterAGoodEnd) {
  const recorder_file file;
  file.die([](auto hands) { hands[0].take(origin{0, 1}.word()); });
  file.end_after(9, &weir::internal::flight_recorder::end);
  const next_life now{file};
  EXPECT_FALSE(now.any());
  EXPECT_FALSE(now.last().died);
  EXPECT_TRUE(now.last().deaths.empty());
}

TEST(FlightRecorder, RemembersAfterAGoodEndWhatDidNotComeAgain) {
  const recorder_file file;
  file.die([](auto hands) {
    const std::vector<origin> batch{{0, 5}, {0, 6}, {0, 7}};
    hands[0].take(batch);
    hands[1].take(origin{1, 2}.word());
  });
  file.end_after(6, &weir::internal::flight_recorder::end); // of partition a
  const next_life now{file};
  EXPECT_EQ(now.suspected(10), (std::vector<std::uint64_t>{7}));
  EXPECT_EQ(now.deaths("first", "b", 2), 1U);
  EXPECT_FALSE(now.last().died);
  EXPECT_EQ(now.last().deaths.size(), 1U) << "the one that left them";
}

TEST(FlightRecorder, RemembersAfterABadEndWhatMayComeAgain) {
  const recorder_file file;
  file.die([](auto hands) {
    const std::vector<origin> batch{{0, 5}, {0, 6}, {0, 7}};
    hands[0].take(batch);
  });
  file.end_after(6, &weir::internal::flight_recorder::end_early);
  file.end_after(6, &weir::internal::flight_recorder::end_early);
  EXPECT_EQ(next_life{file}.suspected(10), (std::vector<std::uint64_t>{5, 6, 7}))
      << "what was settled may not have been stored";
  file.end_after(6, &weir::internal::flight_recorder::end_early, 6); // its position was
  EXPECT_EQ(next_life{file}.suspected(10), (std::vector<std::uint64_t>{7}));
}

TEST(FlightRecorder, TellsADeathFromAnEndByItself) {
  const recorder_file other;
  other.open()->end_early();
  EXPECT_FALSE(next_life{other}.last().died);

  const recorder_file file;
  file.die([](auto hands) { hands[0].take(origin{0, 4}.word()); });
  file.end_after(0, &weir::internal::flight_recorder::end_early);
  const auto found = weir::internal::flight_recorder::examine(file.path, ::getpid(), 1 << 8);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->culprit, std::nullopt);
  const next_life now{file};
  EXPECT_EQ(now.deaths("first", "a", 4), 1U) << "nothing was in hand when it ended";
  EXPECT_EQ(now.last().deaths.size(), 2U) << "but its parent saw it end with exit code 1";
}

TEST(FlightRecorder, CountsDeathsOverLives) {
  const recorder_file file;
  file.die([](auto hands) {
    hands[0].take(origin{0, 7}.word());
    hands[3].take(origin{0, 5}.word());
  });
  file.die([](auto hands) { hands[2].take(origin{0, 7}.word()); }); // whichever worker it is
  const next_life now{file};
  EXPECT_EQ(now.deaths("first", "a", 7), 2U);
  EXPECT_EQ(now.at("first", "a", 7)->alone, 1U);
  EXPECT_EQ(now.deaths("second", "a", 5), 1U);
  EXPECT_EQ(now.at("second", "a", 5)->alone, 0U) << "something else was in hand too";
  EXPECT_EQ(now.last().deaths.size(), 2U);
}

TEST(FlightRecorder, ADeathWithoutAnythingInHandAccusesNobody) {
  const recorder_file file;
  file.die([](auto hands) { hands[0].take(origin{0, 7}.word()); });
  file.die([](auto) {});
  const next_life now{file};
  EXPECT_EQ(now.deaths("first", "a", 7), 1U);
  EXPECT_EQ(now.last().deaths.back().in_hand, "");
}

TEST(FlightRecorder, TakesOneOutOfARange) {
  const recorder_file file;
  file.die([](auto hands) {
    const std::vector<origin> batch{{0, 5}, {0, 6}, {0, 7}, {0, 8}, {0, 9}};
    hands[0].take(batch);
  });
  file.die([](auto hands) { hands[0].take(origin{0, 7}.word()); });
  file.die([](auto hands) {
    const std::vector<origin> batch{{0, 9}, {0, 10}};
    hands[0].take(batch);
  });
  const next_life now{file};
  std::vector<std::uint32_t> deaths;
  for (std::uint64_t k = 4; k <= 11; ++k)
    deaths.push_back(now.deaths("first", "a", k));
  EXPECT_EQ(deaths, (std::vector<std::uint32_t>{0, 1, 1, 2, 1, 2, 1, 0}));
  EXPECT_EQ(now.at("first", "a", 7)->alone, 1U);
  EXPECT_EQ(now.at("first", "a", 9)->alone, 0U);
}

TEST(FlightRecorder, AddsARangeAroundWhatIsKnown) {
  const recorder_file file;
  file.die([](auto hands) { hands[0].take(origin{0, 7}.word()); });
  file.die([](auto hands) {
    const std::vector<origin> batch{{0, 5}, {0, 6}, {0, 7}, {0, 8}, {0, 9}};
    hands[0].take(batch);
  });
  const next_life now{file};
  std::vector<std::uint32_t> deaths;
  for (std::uint64_t k = 4; k <= 10; ++k)
    deaths.push_back(now.deaths("first", "a", k));
  EXPECT_EQ(deaths, (std::vector<std::uint32_t>{0, 1, 1, 2, 1, 1, 0}));
}

TEST(FlightRecorder, KeepsABatchInAnyOrderAsRanges) {
  const recorder_file file;
  std::vector<std::uint64_t> positions(30);
  std::iota(positions.begin(), positions.end(), 10U);
  positions.insert(positions.end(), {50, 52, 53, 99});
  std::vector<origin> batch{origin{1, 3}, origin{}};
  std::ranges::shuffle(positions, std::mt19937{1});
  for (const auto one : positions)
    batch.emplace_back(0, one);
  file.die([&](auto hands) { hands[0].take(batch); });
  const next_life now{file};
  std::ranges::sort(positions);
  EXPECT_EQ(now.suspected(200), positions);
  EXPECT_EQ(now.deaths("first", "b", 3), 1U);
}

TEST(FlightRecorder, CoversABatchOfMoreRangesThanThereArePlacesFor) {
  std::mt19937 random{7};
  for (int round = 0; round < 60; ++round) {
    const recorder_file file;
    std::vector<origin> batch;
    const auto count = 1 + random() % 40;
    for (std::size_t k = 0; k < count; ++k)
      batch.emplace_back(static_cast<std::uint32_t>(random() % 2), 1 + random() % 150);
    file.die([&](auto hands) { hands[0].take(batch); });
    const next_life now{file};
    for (const auto one : batch)
      ASSERT_EQ(now.deaths("first", one.partition() == 0 ? "a" : "b", one.position()), 1U)
          << "round " << round << ", position " << one.position();
  }
}

TEST(FlightRecorder, SaysWhenABatchHasMoreLanesThanASlotHasPlaces) {
  const recorder_file file;
  {
    const auto recorder = file.open();
    const weir::internal::flight_recorder::stage_hands stages[] = {{"first", 1}};
    const std::string partitions[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    const auto slots = recorder->add("p", stages, partitions);
    ASSERT_TRUE(slots);
    std::vector<origin> batch;
    for (std::uint32_t partition = 0; partition < 8; ++partition)
      batch.emplace_back(partition, 5);
    slots->front().take(batch);
  }
  const next_life now{file};
  EXPECT_EQ(now.deaths("first", "a", 5), 1U);
  ASSERT_EQ(now.last().remarks.size(), 1U);
  EXPECT_EQ(now.last().remarks[0],
            "a batch from more than 6 sources was in hand: 2 of its items are "
            "not among the suspects");
}

TEST(FlightRecorder, CountsRunsThatFailed) {
  const recorder_file file;
  file.die([](auto hands) {
    hands[0].failed(origin{0, 4}.word(), 2); // it waits to be run again
    hands[3].take(origin{0, 9}.word());
    hands[1].failed(origin{0, 5}.word(), 2);
    hands[1].failed(0, 0); // it succeeded
  });
  const next_life now{file};
  ASSERT_TRUE(now.at("first", "a", 4));
  EXPECT_EQ(now.at("first", "a", 4)->attempts(), 2U);
  EXPECT_EQ(now.at("first", "a", 4)->deaths, 0U);
  EXPECT_FALSE(now.at("first", "a", 5));
  EXPECT_EQ(now.at("second", "a", 9)->alone, 1U) << "what waits is not in hand";
}

TEST(FlightRecorder, WatchesOnlyWhatComesAgain) {
  const recorder_file file;
  file.die([](auto hands) {
    hands[0].take(origin{0, 4}.word());
    hands[1].take(origin{0, 5}.word());
  });
  {
    const next_life now{file, 4}; // 4 was stored
    EXPECT_EQ(now.suspected(10), (std::vector<std::uint64_t>{5}));
  }
  EXPECT_FALSE((next_life{file, 5}.any()));
}

TEST(FlightRecorder, HandsTheCauseOn) {
  const recorder_file file;
  file.die([](auto hands) { hands[0].take(origin{0, 4}.word()); });
  const auto found = weir::internal::flight_recorder::examine(file.path, ::getpid(), SIGSEGV);
  ASSERT_TRUE(found && found->culprit);
  EXPECT_FALSE(found->recovered);
  const auto noticed = std::chrono::system_clock::now();
  while (std::chrono::system_clock::now() < noticed + std::chrono::milliseconds{2}) {
  }
  const next_life now{file};
  EXPECT_EQ(now.at("first", "a", 4)->last_status(), SIGSEGV);
  const auto since = now.at("first", "a", 4)->first_at;
  EXPECT_LE(std::chrono::system_clock::time_point{std::chrono::milliseconds{since}}, noticed)
      << "not when the next life began";
  EXPECT_EQ(weir::internal::cause_of_death(now.last().deaths[0].status),
            "killed by SIGSEGV (signal 11)");
}

TEST(FlightRecorder, BelievesOnlyWhoKnowsTheProcess) {
  const recorder_file file;
  file.die([](auto hands) { hands[0].take(origin{0, 4}.word()); });
  EXPECT_FALSE(weir::internal::flight_recorder::examine(file.path, ::getpid() + 1, SIGSEGV));
  EXPECT_FALSE(weir::internal::flight_recorder::examine(file.path + ".not", ::getpid(), SIGSEGV));
  EXPECT_EQ((next_life{file}.last().deaths[0].status), std::nullopt);
}

TEST(FlightRecorder, KnowsAnItemAgain) {
  const recorder_file file;
  const auto culprit = [&](auto work) {
    file.die(work);
    return weir::internal::flight_recorder::examine(file.path, ::getpid(), SIGABRT)->culprit;
  };
  const auto four = culprit([](auto hands) { hands[0].take(origin{0, 4}.word()); });
  EXPECT_EQ(culprit([](auto hands) { hands[2].take(origin{0, 4}.word()); }), four);
  EXPECT_NE(culprit([](auto hands) { hands[0].take(origin{0, 5}.word()); }), four);
  EXPECT_NE(culprit([](auto hands) { hands[3].take(origin{0, 4}.word()); }), four);
  EXPECT_EQ(culprit([](auto hands) {
              hands[0].take(origin{0, 4}.word());
              hands[1].take(origin{0, 5}.word());
            }),
            std::nullopt);
  EXPECT_EQ(culprit([](auto) {}), std::nullopt);
}

TEST(FlightRecorder, TellsTheParentOfARecovery) {
  const recorder_file file;
  file.open()->recovered();
  EXPECT_TRUE(weir::internal::flight_recorder::examine(file.path, ::getpid(), SIGABRT)->recovered);
  file.open();
  EXPECT_FALSE(weir::internal::flight_recorder::examine(file.path, ::getpid(), SIGABRT)->recovered);
}

TEST(FlightRecorder, KeepsTheLastDeathsOnly) {
  const recorder_file file;
  for (int life = 0; life < 40; ++life)
    file.die([&](auto hands) {
      hands[0].take(origin{0, static_cast<std::uint64_t>(life)}.word());
    });
  const next_life now{file};
  ASSERT_EQ(now.last().deaths.size(), 16U);
  EXPECT_EQ(now.last().deaths.back().in_hand, "stage 'first', a:39");
  EXPECT_EQ(now.last().deaths.front().in_hand, "stage 'first', a:24");
}

TEST(FlightRecorder, IsOnlyForItsOwner) {
  const recorder_file file;
  file.open();
  struct stat there {};
  ASSERT_EQ(::stat(file.path.c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777U, 0600U);
}

TEST(FlightRecorder, IsRefusedToASecondProcess) {
  const recorder_file file;
  const auto first = file.open();
  EXPECT_EQ(file.refusal(), "'" + file.path + "' is in use by another process ("
                                + std::to_string(::getpid()) + ")");
}

TEST(FlightRecorder, RefusesWhatIsSomebodyElses) {
  const recorder_file file;
  file.write("my diary\n");
  EXPECT_NE(file.refusal().find("is not a flight recorder"), std::string::npos) << file.refusal();
  EXPECT_EQ(file.bytes(), "my diary\n");
  std::filesystem::remove(file.path);
  std::filesystem::create_symlink("/etc/hostname", file.path);
  EXPECT_NE(file.refusal(), "");
  std::filesystem::remove(file.path);
  std::filesystem::create_directory(file.path);
  EXPECT_NE(file.refusal(), "");
}

TEST(FlightRecorder, BeginsAnewForAnotherProgram) {
  const recorder_file file;
  file.die([](auto hands) { hands[0].take(origin{0, 4}.word()); });
  const auto recorder = file.open("q");
  EXPECT_FALSE(recorder->last_life().died);
  ASSERT_EQ(recorder->last_life().remarks.size(), 1U);
  EXPECT_EQ(recorder->last_life().remarks[0],
            "the flight recorder is begun anew: it belongs to 'p', this is 'q'");
}

TEST(FlightRecorder, BeginsAnewBehindAnotherVersion) {
  const recorder_file file;
  file.die([](auto hands) { hands[0].take(origin{0, 4}.word()); });
  auto bytes = file.bytes();
  bytes[8] = 1; // the version follows the eight letters
  file.write(bytes);
  const auto recorder = file.open();
  ASSERT_EQ(recorder->last_life().remarks.size(), 1U);
  EXPECT_EQ(recorder->last_life().remarks[0],
            "the flight recorder is begun anew: it has version 1, this is version 2");
}

TEST(FlightRecorder, BeginsAnewBehindADamagedHeader) {
  const recorder_file file;
  file.die([](auto hands) { hands[0].take(origin{0, 4}.word()); });
  file.die([](auto) {}); // now 4 is in the table of suspects
  auto bytes = file.bytes();
  const auto key = weir::internal::flight_key("p", "first");
  const auto at = bytes.find(std::string{reinterpret_cast<const char*>(&key), sizeof key});
  ASSERT_NE(at, std::string::npos);
  bytes[at + 16] = 5; // its first position
  bytes[at + 24] = 5; // and its last
  file.write(bytes);
  const auto recorder = file.open();
  ASSERT_EQ(recorder->last_life().remarks.size(), 1U);
  EXPECT_EQ(recorder->last_life().remarks[0],
            "the flight recorder is begun anew: its header is damaged");
}

TEST(FlightRecorder, BeginsAnewInAFileThatWasNeverWritten) {
  const recorder_file file;
  file.write("");
  EXPECT_TRUE(file.open()->last_life().remarks.empty());
  file.write(std::string(5000, '\0'));
  EXPECT_EQ(file.open()->last_life().remarks.size(), 1U);
}

TEST(FlightRecorder, SurvivesAnyEndOfTheFile) {
  const recorder_file file;
  file.die([](auto hands) { hands[0].take(origin{0, 4}.word()); });
  const auto whole = file.bytes();
  for (std::size_t size = 0; size < whole.size(); size += size < 500 ? 7 : 1013) {
    file.write(whole.substr(0, size));
    const auto recorder = file.open();
    ASSERT_TRUE(recorder) << size;
    EXPECT_TRUE(size == 0 || recorder->last_life().remarks.size() == 1) << size;
  }
}

TEST(FlightRecorder, SurvivesAnyDamage) {
  const recorder_file file;
  file.die([](auto hands) {
    const std::vector<origin> batch{{0, 5}, {0, 6}, {1, 7}};
    hands[0].take(origin{0, 4}.word());
    hands[5].take(batch);
    hands[1].failed(origin{0, 9}.word(), 2);
  });
  const auto whole = file.bytes();
  std::mt19937 random{3};
  // Where something is: the header, a few suspects, and the section behind 266,240 bytes of them.
  const std::size_t section = whole.size() - 4096;
  for (int round = 0; round < 600; ++round) {
    auto bytes = whole;
    for (auto flips = 1 + random() % 4; flips > 0; --flips) {
      const std::size_t at = random() % 2 == 0 ? 12 + random() % 400 : section + random() % 1400;
      bytes[at] = static_cast<char>(random() % 4 == 0 ? 0xFF : random() % 256);
    }
    file.write(bytes);
    ASSERT_TRUE(file.open()) << "round " << round;
  }
}

TEST(FlightRecorder, SaysWhenAPipelineIsTooLargeForIt) {
  const recorder_file file;
  const auto recorder = file.open();
  const weir::internal::flight_recorder::stage_hands stages[] = {{"first", 3'000'000}};
  const auto slots = recorder->add("p", stages, {});
  ASSERT_FALSE(slots);
  EXPECT_NE(slots.error().message().find("no room for 3000000 things"), std::string::npos);
}

TEST(CauseOfDeath, NamesSignalsAndExitCodes) {
  EXPECT_EQ(weir::internal::cause_of_death(SIGSEGV), "killed by SIGSEGV (signal 11)");
  EXPECT_EQ(weir::internal::cause_of_death(SIGKILL),
            "killed by SIGKILL (signal 9; perhaps out of memory)");
  EXPECT_EQ(weir::internal::cause_of_death(SIGABRT | 0x80),
            "killed by SIGABRT (signal 6)"); // with a core
  EXPECT_EQ(weir::internal::cause_of_death(7 << 8), "ended with exit code 7");
  EXPECT_EQ(weir::internal::cause_of_death(std::nullopt), "the process died (cause unknown)");
}

} // namespace
