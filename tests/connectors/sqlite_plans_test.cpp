#include "sqlite_files.hpp"

#include <weir/connectors/sqlite/dead_letters.hpp>

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

namespace {

using namespace weir::sqlite_tests;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::set<std::string>* heard = nullptr;

/// The statements that are run by connections that are opened while it lives.
class listening {
public:
  listening() {
    heard = &statements_;
    sqlite3_auto_extension(entry());
  }
  listening(const listening&) = delete;
  ~listening() {
    sqlite3_cancel_auto_extension(entry());
    heard = nullptr;
  }

  std::set<std::string> take() { return std::exchange(statements_, {}); }

private:
  static int listen(sqlite3* to, char**, const void*) {
    return sqlite3_trace_v2(
        to, SQLITE_TRACE_STMT,
        [](unsigned, void*, void* statement, void*) {
          const char* sql = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
          if (heard != nullptr && sql != nullptr)
            heard->insert(sql);
          return 0;
        },
        nullptr);
  }
  static void (*entry())() { return reinterpret_cast<void (*)()>(&listen); }

  std::set<std::string> statements_;
};

weir::dead_letter letter(std::uint64_t position, const std::string& key = {}) {
  weir::dead_letter one;
  one.pipeline = "events";
  one.stage = "store";
  one.source = "in";
  one.position = position;
  one.key = key;
  one.payload = one.payload_type = "p";
  one.attempts = 1;
  one.why = weir::poison("why");
  return one;
}

/// A store of letters, and what SQLite does to answer what it asks.
class SqlitePlans : public testing::Test {
protected:
  SqlitePlans() {
    EXPECT_TRUE(store_.open());
    put();
    listening_.take();
  }

  void put() {
    std::vector<weir::dead_letter> letters;
    for (std::uint64_t k = 1; k <= 20; ++k)
      letters.push_back(letter(k, std::to_string(k % 5)));
    EXPECT_TRUE(store_.put(letters));
  }

  /// "statement: step" of each step of these statements' plans that begins with, or has, one of the words.
  std::vector<std::string> steps(const std::set<std::string>& statements,
                                 const std::string& words) {
    std::vector<std::string> found;
    auto opened = database::open(path_, {.busy_timeout = 5s});
    for (const auto& sql : statements) {
      if (sql.find("dead_letters") == std::string::npos || sql.starts_with("CREATE"))
        continue;
      auto plan = opened->prepare("EXPLAIN QUERY PLAN " + sql);
      EXPECT_TRUE(plan) << sql << ": " << plan.error().message();
      while (plan && *plan->step())
        if (plan->text(3).find(words) != std::string::npos)
          found.push_back(sql + ": " + plan->text(3));
    }
    return found;
  }

  folder in_;
  const std::filesystem::path path_ = in_ / "dead.db";
  listening listening_;
  weir::dead_letters::sqlite store_{path_};
  const weir::done_by by_{"test"};
};

TEST_F(SqlitePlans, ARunningPipelineLooksAtNoLetterItIsNotAbout) {
  const weir::dead_letter_filter ours{.pipeline = "events"};
  const weir::dead_letter_filter of_key{.pipeline = "events", .stage = "store", .key = "1"};
  ASSERT_TRUE(store_.request_replay(of_key, {}, by_));
  for (const auto& filter : {ours, of_key}) {
    const auto claimed = store_.claim_requested(filter, 2);
    ASSERT_TRUE(claimed && claimed->size() == 2);
    const std::vector first{(*claimed)[0].id};
    ASSERT_TRUE(store_.replayed(first, by_));
    const std::vector second{(*claimed)[1].id};
    ASSERT_TRUE(filter.key ? store_.withdraw(second, "why", by_) : store_.release(second));
  }
  put(); // again
  ASSERT_TRUE(store_.select(of_key, 1));
  ASSERT_TRUE(store_.select(of_key, 1, {"1", 1}));
  ASSERT_TRUE(store_.histogram(of_key));

  const auto asked = listening_.take();
  EXPECT_GT(asked.size(), 12U);
  EXPECT_THAT(steps(asked, "SCAN dead_letters"), IsEmpty());
  // Of a key, the causes of its letters are sorted.
  EXPECT_THAT(steps(asked, "FOR ORDER BY"),
              testing::Each(HasSubstr("GROUP BY stage, why ORDER BY letters")));
}

TEST_F(SqlitePlans, AToolReadsPagesInTheirOrderAndSortsNone) {
  const auto now = std::chrono::system_clock::now();
  for (const auto& filter :
       {weir::dead_letter_filter{}, weir::dead_letter_filter{.pipeline = "events"},
        weir::dead_letter_filter{.stage = "store", .source = "in"},
        weir::dead_letter_filter{.pipeline = "events", .stage = "store", .cause = "why"},
        weir::dead_letter_filter{.state = weir::dead_letter_state::kept, .since = now}}) {
    ASSERT_TRUE(store_.select(filter, 3));
    ASSERT_TRUE(store_.select(filter, 3, {"1", 1}));
    ASSERT_TRUE(store_.histogram(filter));
    ASSERT_TRUE(store_.request_replay(filter, {.dry_run = true}, by_));
    ASSERT_TRUE(store_.request_replay(filter, {}, by_));
    ASSERT_TRUE(store_.cancel_replay(filter, by_));
  }
  ASSERT_TRUE(store_.edit(1, "q", by_));
  ASSERT_TRUE(store_.audit(0, 10));
  ASSERT_TRUE(store_.purge({.pipeline = "events"}, by_));

  const auto asked = listening_.take();
  // Who asks for letters by what is in no index looks at each of them, but in the order of the answer, so that a page
  // costs what it holds. These look at all that the filter may let through, as they are about all of it at once.
  const auto about_all =
      testing::AnyOf(StartsWith("SELECT stage, ifnull"),   // the histogram
                     StartsWith("SELECT state <> 'kept'"), // what asking for a replay would do
                     StartsWith("UPDATE dead_letters SET state = 'requested'"), // and doing it
                     StartsWith("UPDATE dead_letters SET state = 'kept'"),      // taking it back
                     StartsWith("DELETE FROM dead_letters"));                   // the purge
  for (const auto& scan : steps(asked, "SCAN dead_letters"))
    EXPECT_THAT(scan, testing::AnyOf(about_all, HasSubstr("USING INDEX dead_letters_in_order")));
  EXPECT_THAT(steps(asked, "FOR ORDER BY"), testing::Each(about_all));
}

TEST_F(SqlitePlans, OnlyAStoreWithACapacityCountsItsLetters) {
  put();
  EXPECT_THAT(steps(listening_.take(), "SCAN dead_letters"), IsEmpty());
  weir::dead_letters::sqlite small{path_, {.capacity = 100}};
  ASSERT_TRUE(small.put(std::vector{letter(100)}));
  EXPECT_THAT(steps(listening_.take(), "SCAN dead_letters"),
              ElementsAre(HasSubstr("SELECT count(*) FROM dead_letters")));
}

TEST_F(SqlitePlans, AnIndexThatKnowsNoOrderIsMadeAnew) {
  {
    auto older = database::open(path_, {.busy_timeout = 5s});
    ASSERT_TRUE(older
                && older->execute("DROP INDEX dead_letters_under_way; CREATE INDEX "
                                  "dead_letters_under_way ON dead_letters(state) "
                                  "WHERE state <> 'kept'"));
  }
  const std::string columns =
      "SELECT group_concat(name) FROM pragma_index_info('dead_letters_under_way')";
  weir::dead_letters::sqlite looking{path_, {.tool = weir::tool_use::look}};
  EXPECT_TRUE(looking.select({}, 100)) << "without it, too";
  EXPECT_THAT(rows(path_, columns), ElementsAre("state"));
  weir::dead_letters::sqlite working{path_};
  ASSERT_TRUE(working.open());
  EXPECT_THAT(rows(path_, columns), ElementsAre("state,pipeline,key,id"));
  EXPECT_THAT(rows(path_, "SELECT count(*) FROM dead_letters"), ElementsAre("20"));
  listening_.take();
  weir::dead_letters::sqlite again{path_};
  ASSERT_TRUE(again.open());
  for (const auto& sql : listening_.take())
    EXPECT_FALSE(sql.starts_with("CREATE") || sql.starts_with("DROP")) << sql;
}

} // namespace
