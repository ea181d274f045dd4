#include "../threads.hpp"
#include "sqlite_files.hpp"

#include <weir/connectors/sqlite/insert.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace weir::sqlite_tests;
using namespace weir_test;
using state = weir::running_pipeline::state;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The readings r1, r2, … up to `last`, at the positions 1, 2, …
struct numbered {
  using output = reading;

  std::uint64_t last = 0;
  std::uint64_t* read = nullptr;
  std::uint64_t position = 0;

  std::string partition() const { return "numbers"; }
  weir::source_state poll(weir::intake<reading>& in, weir::context& where) {
    auto next = std::max(position, where.last_position()) + 1;
    for (auto room = in.room(); room > 0 && next <= last; --room, ++next) {
      in.put({"r" + std::to_string(next), static_cast<std::int64_t>(next % 1000)}, next);
      ++*read;
    }
    position = next - 1;
    return position >= last ? weir::source_state::done : weir::source_state::more;
  }
};

/// source → batch → insert into a file, as often as wanted.
class storing {
public:
  explicit storing(const folder& in, const std::string& rule = "value >= 0") : path{in / "x.db"} {
    options_ = readings(path);
    options_.create = "CREATE TABLE IF NOT EXISTS readings(id TEXT PRIMARY KEY, value INTEGER "
                      "CHECK("
                      + rule + "))";
  }

  weir::pipeline to_the_end(std::uint64_t last, std::uint32_t workers = 1) {
    weir::pipeline all{"readings"};
    all.from("numbers", numbered{last, &read})
        .batch("batch", {.size_max = 10, .delay_max = 1h})
        .to("store", weir::sqlite::insert<reading>{options_, fill},
            {.workers = workers,
             .retry = {.attempts = weir::unlimited, .delay_min = 1ms, .delay_max = 5ms},
             .execution = weir::execution::own_thread});
    all.dead_letters_to(dead);
    all.positions_in(std::make_shared<weir::sqlite::positions>(path));
    return all;
  }
  void run(std::uint64_t last) { books = weir_test::run(to_the_end(last)).ledger; }
  std::uint64_t count() const {
    return std::stoull(rows(path, "SELECT count(*) FROM readings").front());
  }
  std::string point() const { return point_in(path, "readings", "numbers"); }

  const std::filesystem::path path;
  std::uint64_t read = 0;
  weir::dead_letters::memory dead;
  weir::ledger_totals books;

private:
  weir::sqlite::table_options options_;
};

TEST(SqliteInsert, ARestartGoesOnFromTheStoredPosition) {
  const folder in;
  storing events{in};
  events.run(503);
  EXPECT_EQ(events.count(), 503U);
  EXPECT_EQ(events.point(), "503");
  events.run(1000);
  EXPECT_EQ(events.count(), 1000U);
  EXPECT_EQ(events.point(), "1000");
  EXPECT_EQ(events.read, 1000U); // nothing was read twice
  EXPECT_EQ(events.books.acknowledged, 497U);
  events.run(1000);
  EXPECT_EQ(events.read, 1000U);
  EXPECT_EQ(events.books.entered(), 0U);
}

TEST(SqliteInsert, WhatWasAbortedIsMadeUpForWithoutARowTwice) {
  const folder in;
  storing events{in};
  std::uint64_t stored = 0;
  {
    node here;
    auto& r = here.run(events.to_the_end(200'000));
    ASSERT_TRUE(here.until([&] { return r.snapshot().ledger.acknowledged > 300; }));
    r.abort();
    EXPECT_EQ(here.finish(r), state::failed);
    stored = r.snapshot().ledger.acknowledged;
  }
  EXPECT_EQ(events.count(), stored);
  EXPECT_EQ(events.point(), std::to_string(stored));
  const auto last = stored + 1000;
  events.run(last);
  EXPECT_EQ(events.count(), last);
  EXPECT_EQ(events.books.acknowledged, 1000U);
  EXPECT_EQ(events.books.filtered, 0U);
}

TEST(SqliteInsert, WaitsForADatabaseThatIsBusyFromTheStart) {
  const folder in;
  storing events{in};
  ASSERT_TRUE(database::open(events.path));
  auto all = events.to_the_end(100);
  all.positions_in(nullptr); // which are claimed before anything runs
  node here;
  weir::running_pipeline* r = nullptr;
  {
    const lock other{events.path};
    r = &here.run(std::move(all));
    ASSERT_TRUE(here.until([&] { return counts_of(*r, "store").failed >= 3; }));
    EXPECT_THAT(counts_of(*r, "store").last_failure, HasSubstr("database is locked"));
    EXPECT_EQ(counts_of(*r, "store").restarts, 0U);
    EXPECT_EQ(r->snapshot().ledger.acknowledged, 0U);
  }
  EXPECT_EQ(here.finish(*r), state::finished);
  EXPECT_EQ(events.count(), 100U);
  EXPECT_EQ(r->snapshot().ledger.filtered, 0U);
  EXPECT_EQ(r->snapshot().ledger.acknowledged, 100U);
}

TEST(SqliteInsert, SeveralWorkersMayWriteToOneTable) {
  const folder in;
  storing events{in};
  // On threads, as they are in each other's way in the file.
  events.books = run_on_threads(events.to_the_end(2005, 3)).ledger;
  EXPECT_EQ(events.count(), 2005U);
  EXPECT_EQ(events.point(), "2005");
  EXPECT_EQ(events.books.acknowledged, 2005U);
}

TEST(SqliteInsert, ABadRowBecomesOneDeadLetter) {
  const folder in;
  storing events{in, "value <> 37"};
  events.run(100);
  EXPECT_EQ(events.count(), 99U);
  EXPECT_EQ(events.books.acknowledged, 99U);
  EXPECT_EQ(events.books.dead_lettered, 1U);
  EXPECT_EQ(events.point(), "100"); // at the end, when the letter was stored
  ASSERT_EQ(events.dead.letters().size(), 1U);
  const auto letter = events.dead.letters().front();
  EXPECT_EQ(letter.position, 37U);
  EXPECT_EQ(letter.payload, "r37");
  EXPECT_EQ(letter.stage, "store");
  EXPECT_THAT(letter.why.message(), HasSubstr("CHECK constraint failed: value <> 37"));
}

TEST(SqliteInsert, DoesNotGoPastAnItemWhoseOtherCopyIsStillOnItsWay) {
  const folder in;
  std::uint64_t read = 0;
  weir::pipeline both{"both"};
  auto [stored, refused] = both.from("numbers", numbered{20, &read}).broadcast<2>();
  std::move(stored)
      .batch("batch", {.size_max = 10, .delay_max = 1h})
      .to("store", weir::sqlite::insert<reading>{readings(in / "x.db"), fill});
  std::move(refused).to(
      "refuse", [](const reading&) -> weir::result<void> { return weir::transient("not now"); },
      {.retry = {.attempts = weir::unlimited, .delay_min = 1ms, .delay_max = 5ms}});
  both.dead_letters_to(weir::dead_letters::memory{});
  both.positions_in(std::make_shared<weir::sqlite::positions>(in / "x.db"));
  running r{std::move(both)};
  r.pass(1min);
  ASSERT_EQ(r.stage("store").processed, 2U);
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(rows(in / "x.db", "SELECT count(*) FROM readings").front(), "20");
  EXPECT_EQ(point_in(in / "x.db", "both", "numbers"), "0");
}

TEST(SqliteInsert, RepeatedKeysAreCountedAsFiltered) {
  const folder in;
  storing events{in};
  events.run(100);
  auto opened = database::open(events.path);
  ASSERT_TRUE(opened && opened->execute("DELETE FROM weir_positions"));
  events.run(150);
  EXPECT_EQ(events.books.filtered, 100U);
  EXPECT_EQ(events.books.acknowledged, 50U);
  EXPECT_EQ(events.count(), 150U);
}

TEST(SqliteInsert, StoresPointsWithItsRowsIfTheyAreKeptInTheSameFile) {
  const folder in;
  const weir::sqlite::insert<reading> store{readings(in / "x.db"), fill};
  const auto in_same_file = [&] {
    std::string kept;
    for (const auto& path : {in / "x.db", in / "." / "x.db", std::filesystem::relative(in / "x.db"),
                             in / "y.db", in / "nowhere" / "x.db"})
      kept += store.stores_points_in(weir::sqlite::positions{path}) ? "yes " : "no ";
    return kept;
  };
  EXPECT_EQ(in_same_file(), "yes yes yes no no "); // there is no file yet
  ASSERT_TRUE(store.check());
  EXPECT_EQ(in_same_file(), "yes yes yes no no ");
  std::filesystem::create_symlink(in / "x.db", in / "y.db");
  EXPECT_EQ(in_same_file(), "yes yes yes yes no ");

  struct elsewhere final : weir::position_store {
    weir::result<std::vector<weir::partition_point>> claim(const std::string&,
                                                           std::span<const std::string>) override {
      return weir::fatal("none");
    }
    weir::result<std::vector<std::string>> store(const std::string&,
                                                 std::span<const weir::partition_point>) override {
      return weir::fatal("none");
    }
    std::string name() const override { return "elsewhere"; }
  };
  EXPECT_FALSE(store.stores_points_in(elsewhere{}));
}

TEST(SqliteInsert, ChecksBeforeAnythingRuns) {
  const folder in;
  const weir::sqlite::insert<reading> good{readings(in / "x.db"), fill};
  EXPECT_TRUE(good.check());
  EXPECT_TRUE(good.check());
  const weir::sqlite::insert<reading> bad{readings(in / "nowhere" / "x.db"), fill};
  const auto refused = bad.check();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("No such file or directory"));
}

TEST(SqliteDeadLetters, OfAPipelineNameLineAndCause) {
  const folder in;
  std::uint64_t read = 0;
  std::uint64_t taken = 0;
  weir::pipeline odd{"odd"};
  odd.from("numbers", numbered{100, &read})
      .via("parse",
           [](const reading& one) -> weir::result<reading> {
             if (one.value % 10 == 7)
               return weir::poison("ends in seven");
             return one;
           })
      .to("count", [&taken](const reading&) noexcept { ++taken; });
  odd.dead_letters_to(weir::dead_letters::sqlite{in / "dead.db"});
  const auto done = run(std::move(odd));
  EXPECT_EQ(taken, 90U);
  EXPECT_EQ(done.ledger.dead_lettered, 10U);
  EXPECT_THAT(rows(in / "dead.db", "SELECT group_concat(position), cause FROM dead_letters "
                                   "GROUP BY cause || payload_type"),
              ElementsAre("7,17,27,37,47,57,67,77,87,97"));
  EXPECT_THAT(rows(in / "dead.db", "SELECT DISTINCT source || ':' || cause FROM dead_letters"),
              ElementsAre("numbers:ends in seven"));
}

} // namespace
