#include "../dead_letters/dead_letter_queue_suite.hpp"
#include "sqlite_files.hpp"

#include <weir/connectors/sqlite/claims.hpp>
#include <weir/connectors/sqlite/dead_letters.hpp>
#include <weir/connectors/sqlite/letter_schema.hpp>

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::queue_tests {

using sqlite::database;
using sqlite_tests::folder;
using sqlite_tests::lock;
using sqlite_tests::rows;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct sqlite_shelves {
  explicit sqlite_shelves(std::size_t most) : capacity{most} {}
  std::unique_ptr<dead_letter_queue> open(std::chrono::milliseconds busy_timeout = 5s) {
    auto store = std::make_unique<dead_letters::sqlite>(
        path, dead_letters::sqlite_options{.capacity = capacity, .busy_timeout = busy_timeout});
    const auto opened = store->open();
    EXPECT_TRUE(opened) << opened.error().message();
    return store;
  }

  std::size_t capacity;
  folder in;
  std::filesystem::path path = in / "dead.db";
};

INSTANTIATE_TYPED_TEST_SUITE_P(InSqlite, DeadLetterQueue, sqlite_shelves);

std::string sql(const std::filesystem::path& path, const std::string& statements) {
  auto opened = database::open(path, {.busy_timeout = 5s});
  if (!opened)
    return opened.error().message();
  const auto done = opened->execute(statements);
  return done ? "done" : done.error().message();
}

/// The table as the first version made it, with one letter.
constexpr auto first_version = R"(CREATE TABLE dead_letters(
  id INTEGER PRIMARY KEY, pipeline TEXT NOT NULL, stage TEXT NOT NULL, source TEXT NOT NULL,
  position INTEGER NOT NULL, part INTEGER NOT NULL, kind TEXT NOT NULL, cause TEXT NOT NULL,
  chain TEXT NOT NULL, payload BLOB NOT NULL, payload_type TEXT NOT NULL,
  attempts INTEGER NOT NULL, first_failed_at TEXT NOT NULL, last_failed_at TEXT NOT NULL,
  replay_count INTEGER NOT NULL DEFAULT 0, UNIQUE(pipeline, stage, source, position, part));
INSERT INTO dead_letters VALUES(41, 'events', 'parse', 'in.jsonl', 17, 4000000000, 'poison',
  'line is no JSON', '["line is no JSON"]', 'p', 'std::string', 3, '2024-01-31T12:00:00.007Z',
  '2024-01-31T12:00:01.250Z', 2))";

TEST(SqliteQueue, ExtendsATableOfTheFirstVersion) {
  sqlite_shelves queues{0};
  EXPECT_EQ(sql(queues.path, first_version), "done");
  auto store = queues.open();
  const auto kept = store->select({}, 9);
  ASSERT_EQ(shown(kept), ":17");
  EXPECT_EQ(kept->front().id, 41U);
  EXPECT_EQ(kept->front().replay_count, 2U);
  EXPECT_EQ(kept->front().state, dead_letter_state::kept);
  EXPECT_EQ(shown(store->put(std::vector{letter(18, "k"), letter(17, "k")})), "done");
  EXPECT_THAT(rows(queues.path, "SELECT id || ' ' || key || ' ' || position FROM dead_letters"),
              ElementsAre("41 k 17", "42 k 18"));
  EXPECT_EQ(shown(queues.open()->select({}, 9)), "k:17 k:18") << "extending it again is nothing";
}

TEST(SqliteQueue, WorksBesideAProgramOfTheFirstVersion) {
  sqlite_shelves queues{0};
  auto store = queues.open();
  EXPECT_EQ(shown(store->put(std::vector{letter(1)})), "done");
  EXPECT_EQ(sql(queues.path,
                "INSERT INTO dead_letters(pipeline, stage, source, position, part, kind, cause, "
                "chain, payload, payload_type, attempts, first_failed_at, last_failed_at) SELECT "
                "pipeline, stage, source, 2, part, kind, cause, chain, payload, payload_type, "
                "attempts, first_failed_at, last_failed_at FROM dead_letters"),
            "done");
  EXPECT_EQ(shown(store->put(std::vector{letter(3)})), "done");
  EXPECT_EQ(shown(store->select({}, 9)), ":1 :2 :3");
}

/// The table as it was when the state of letters that nobody works on was called 'parked', with one such letter and one
/// that is requested.
constexpr auto when_letters_were_parked = R"(CREATE TABLE dead_letters(
  id INTEGER PRIMARY KEY, pipeline TEXT NOT NULL, stage TEXT NOT NULL, source TEXT NOT NULL,
  position INTEGER NOT NULL, part INTEGER NOT NULL, kind TEXT NOT NULL, cause TEXT NOT NULL,
  chain TEXT NOT NULL, payload BLOB NOT NULL, payload_type TEXT NOT NULL,
  attempts INTEGER NOT NULL, first_failed_at TEXT NOT NULL, last_failed_at TEXT NOT NULL,
  replay_count INTEGER NOT NULL DEFAULT 0, key TEXT NOT NULL DEFAULT '',
  trace_id TEXT NOT NULL DEFAULT '', state TEXT NOT NULL DEFAULT 'parked', claimed_by INTEGER,
  edited_at TEXT, UNIQUE(pipeline, stage, source, position, part));
CREATE INDEX dead_letters_in_order ON dead_letters(key, id);
CREATE INDEX dead_letters_under_way ON dead_letters(state) WHERE state <> 'parked';
CREATE TABLE dead_letter_audit(number INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, about TEXT NOT NULL, outcome TEXT NOT NULL);
CREATE TABLE dead_letter_replaced(
  line INTEGER PRIMARY KEY, letter INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE TRIGGER dead_letters_removed AFTER DELETE ON dead_letters
  BEGIN DELETE FROM dead_letter_replaced WHERE letter = OLD.id; END;
INSERT INTO dead_letters VALUES(41, 'events', 'parse', 'in.jsonl', 17, 0, 'poison',
  'line is no JSON', '["line is no JSON"]', 'p', 'std::string', 3, '2024-01-31T12:00:00.007Z',
  '2024-01-31T12:00:01.250Z', 2, '', '', 'parked', NULL, NULL);
INSERT INTO dead_letters VALUES(42, 'events', 'parse', 'in.jsonl', 18, 0, 'poison',
  'line is no JSON', '["line is no JSON"]', 'p', 'std::string', 3, '2024-01-31T12:00:00.007Z',
  '2024-01-31T12:00:01.250Z', 0, '', '', 'requested', NULL, NULL))";

/// A letter as the program of that time puts it: the state is the table's default.
std::string put_by_an_older_program(int position) {
  return "INSERT INTO dead_letters(pipeline, stage, source, position, part, kind, cause, chain, "
         "payload, payload_type, attempts, first_failed_at, last_failed_at) SELECT pipeline, "
         "stage, source, "
         + std::to_string(position)
         + ", part, kind, cause, chain, payload, payload_type, attempts, first_failed_at, "
           "last_failed_at FROM dead_letters LIMIT 1";
}

constexpr auto states = "SELECT position || ' ' || state FROM dead_letters ORDER BY position";
constexpr auto index_of_states =
    "SELECT substr(sql, instr(sql, 'WHERE')) FROM sqlite_master WHERE name = "
    "'dead_letters_under_way'";

TEST(SqliteQueue, KeepsWhatAnOlderVersionHasParked) {
  sqlite_shelves queues{0};
  EXPECT_EQ(sql(queues.path, when_letters_were_parked), "done");
  auto store = queues.open();
  EXPECT_THAT(rows(queues.path, states), ElementsAre("17 kept", "18 requested"));
  EXPECT_THAT(rows(queues.path, index_of_states), ElementsAre("WHERE state <> 'kept'"));
  EXPECT_EQ(shown(store->select({.state = dead_letter_state::kept}, 9)), ":17");
  EXPECT_EQ(shown(store->claim_requested({}, 9)), ":18");
  EXPECT_EQ(shown(store->request_replay({.ids = {41}}, {}, somebody)), "1 letter requested");
  EXPECT_EQ(shown(store->cancel_replay({}, somebody)), "1");
}

TEST(SqliteQueue, NamesTheStateWhereTheTableHasAnOlderDefault) {
  sqlite_shelves queues{0};
  EXPECT_EQ(sql(queues.path, when_letters_were_parked), "done");
  auto store = queues.open();
  EXPECT_EQ(shown(store->put(std::vector{letter(19)})), "done");
  EXPECT_THAT(rows(queues.path, states), ElementsAre("17 kept", "18 requested", "19 kept"));
}

TEST(SqliteQueue, KeepsWhatAnOlderProgramParksLater) {
  sqlite_shelves queues{0};
  EXPECT_EQ(sql(queues.path, when_letters_were_parked), "done");
  auto store = queues.open();
  EXPECT_EQ(sql(queues.path, put_by_an_older_program(19)), "done");
  EXPECT_THAT(rows(queues.path, states), ElementsAre("17 kept", "18 requested", "19 parked"));
  EXPECT_EQ(shown(queues.open()->select({.state = dead_letter_state::kept}, 9)), ":17 :19");
  EXPECT_THAT(rows(queues.path, states), ElementsAre("17 kept", "18 requested", "19 kept"));
  EXPECT_EQ(sql(queues.path, put_by_an_older_program(20)), "done");
  EXPECT_THAT(shown(store->select({}, 9)), HasSubstr("expected a state, found 'parked'"));
  EXPECT_EQ(shown(store->select({}, 9)), ":17 :18 :19 :20") << "it has opened the file anew";
}

TEST(SqliteQueue, ShowsWhatIsParkedAsKeptAndLeavesItAsItIs) {
  sqlite_shelves queues{0};
  EXPECT_EQ(sql(queues.path, when_letters_were_parked), "done");
  const auto kept = [&] {
    const auto tool = dead_letters::sqlite{queues.path}.for_tool(tool_use::look);
    return tool ? shown((*tool)->select({.state = dead_letter_state::kept}, 9))
                : tool.error().message();
  };
  EXPECT_EQ(kept(), ":17");
  EXPECT_THAT(rows(queues.path, states), ElementsAre("17 parked", "18 requested"));
  EXPECT_THAT(rows(queues.path, index_of_states), ElementsAre("WHERE state <> 'parked'"));
  queues.open();
  EXPECT_EQ(sql(queues.path, put_by_an_older_program(19)), "done");
  EXPECT_EQ(kept(), ":17 :19") << "with the new index too";
  EXPECT_THAT(rows(queues.path, states), ElementsAre("17 kept", "18 requested", "19 parked"));
}

TEST(SqliteQueue, LooksAtNoLetterThatIsKeptWhenItOpensAFile) {
  sqlite_shelves queues{0};
  queues.open();
  auto opened = database::open(queues.path, {.busy_timeout = 5s});
  ASSERT_TRUE(opened);
  auto plan = opened->prepare(std::string{"EXPLAIN QUERY PLAN "} + sqlite::older_state_sql);
  ASSERT_TRUE(plan && *plan->step());
  EXPECT_THAT(plan->text(3), AllOf(StartsWith("SEARCH dead_letters"),
                                   HasSubstr("INDEX dead_letters_under_way (state=?)")));
}

TEST(SqliteQueue, LeavesATableOfAnotherProgramAsItIs) {
  sqlite_shelves queues{0};
  EXPECT_EQ(sql(queues.path, "CREATE TABLE dead_letters(pipeline, stage, name)"), "done");
  const auto opened = dead_letters::sqlite{queues.path}.open();
  EXPECT_THAT(shown(opened),
              AllOf(StartsWith("fatal"), HasSubstr("has no column named id: it is another")));
  EXPECT_THAT(rows(queues.path, "SELECT name FROM pragma_table_info('dead_letters')"),
              ElementsAre("pipeline", "stage", "name"));
}

TEST(SqliteQueue, RefusesATornFile) {
  sqlite_shelves queues{0};
  EXPECT_EQ(shown(queues.open()->put(std::vector{letter(1)})), "done");
  std::filesystem::resize_file(queues.path, 5000); // in the middle of its second page
  const auto opened = dead_letters::sqlite{queues.path}.open();
  EXPECT_THAT(shown(opened), AllOf(StartsWith("fatal"), HasSubstr("malformed")));
}

TEST(SqliteQueue, SaysWhichLetterCantBeRead) {
  sqlite_shelves queues{0};
  auto store = queues.open();
  EXPECT_EQ(shown(store->put(std::vector{letter(1)})), "done");
  const auto found = [&](const std::string& set) {
    EXPECT_EQ(sql(queues.path, "UPDATE dead_letters SET " + set), "done");
    return shown(store->select({}, 9));
  };
  EXPECT_THAT(found("last_failed_at = 'yesterday'"),
              HasSubstr("dead letter 1 ← expected a time as 2024-01-31T12:00:00.000Z, found "
                        "'yesterday'"));
  EXPECT_THAT(found("last_failed_at = first_failed_at, kind = 'bad'"),
              HasSubstr("expected a kind of failure, found 'bad'"));
  EXPECT_THAT(found("kind = 'fatal', chain = '{'"),
              HasSubstr("expected a JSON array as chain, found '{'"));
  EXPECT_EQ(store->histogram({})->front().cause, "no cause was given");
  EXPECT_THAT(found("chain = '[1]', state = 'lost'"), HasSubstr("expected a state, found 'lost'"));
  EXPECT_EQ(found("state = 'kept'"), ":1");
}

TEST(SqliteQueue, RefusesAsTransientWhatAnotherProcessIsInTheWayOf) {
  sqlite_shelves queues{0};
  auto store = queues.open(0ms);
  EXPECT_EQ(shown(store->put(std::vector{letter(1)})), "done");
  {
    const lock other{queues.path, "BEGIN IMMEDIATE"}; // a writer
    EXPECT_THAT(
        shown(store->edit(1, "x", somebody)),
        AllOf(StartsWith("transient: can't change the dead letters in '"), HasSubstr("locked")));
    EXPECT_THAT(shown(store->purge({}, somebody)), StartsWith("transient"));
    EXPECT_THAT(shown(store->request_replay({}, {}, somebody)), StartsWith("transient"));
    EXPECT_EQ(shown(store->claim_requested({}, 1)), "") << "there is nothing to write";
    EXPECT_EQ(shown(store->select({}, 9)), ":1") << "readers don't wait";
    EXPECT_EQ(shown(store->request_replay({}, {.dry_run = true}, somebody)), "1 letter requested");
  }
  EXPECT_THAT(*store->audit(0, 9), IsEmpty());
  EXPECT_EQ(shown(store->purge({}, somebody)), "1");
}

TEST(SqliteQueue, KeepsAnAuditThatNobodyChanges) {
  sqlite_shelves queues{0};
  auto store = queues.open();
  EXPECT_EQ(shown(store->purge({}, somebody)), "0");
  const auto refused = HasSubstr("the audit of dead letters is append-only");
  EXPECT_THAT(sql(queues.path, "UPDATE dead_letter_audit SET who = 'me'"), refused);
  EXPECT_THAT(sql(queues.path, "DELETE FROM dead_letter_audit"), refused);
  EXPECT_THAT(sql(queues.path, "INSERT OR REPLACE INTO dead_letter_audit "
                               "VALUES(1, '', 'me', 'purge', '', '')"),
              refused);
  EXPECT_THAT(rows(queues.path, "SELECT number || who FROM dead_letter_audit"),
              ElementsAre("1somebody"));
}

/// Runs `body` in a process of its own, up to the point where it is killed.
template <class Body>
void killed(Body body) {
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    body();
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(SqliteQueue, RequestsAgainWhatAKilledProcessWasReplaying) {
  sqlite_shelves queues{0};
  {
    auto store = queues.open();
    EXPECT_EQ(shown(store->put(std::vector{letter(1), letter(2)})), "done");
    EXPECT_EQ(shown(store->request_replay({}, {}, somebody)), "2 letters requested");
  }
  killed([&] {
    auto store = queues.open();
    if (shown(store->claim_requested({}, 1)) != ":1")
      std::_Exit(1);
  });
  EXPECT_THAT(rows(queues.path, "SELECT state FROM dead_letters ORDER BY id"),
              ElementsAre("replaying", "requested"));
  auto store = queues.open();
  EXPECT_THAT(rows(queues.path, "SELECT state FROM dead_letters"),
              ElementsAre("requested", "requested"));
  EXPECT_EQ(shown(store->claim_requested({}, 9)), ":1 :2");
}

TEST(SqliteQueue, ClaimsInANewFileBesideAnOldFileOfClaims) {
  sqlite_shelves queues{0};
  sqlite::claims other{queues.path};
  EXPECT_TRUE(*other.hold(1)) << "as a process that has the deleted file open";
  auto store = queues.open();
  EXPECT_EQ(shown(store->put(std::vector{letter(1)})), "done");
  EXPECT_EQ(shown(store->request_replay({}, {}, somebody)), "1 letter requested");
  EXPECT_EQ(shown(store->claim_requested({}, 9)), ":1");
  EXPECT_THAT(rows(queues.path, "SELECT claimed_by FROM dead_letters"), ElementsAre("2"));
}

TEST(SqliteQueue, HoldsItsClaimsAgainWhenTheirFileWasDeleted) {
  sqlite_shelves queues{0};
  auto store = queues.open();
  EXPECT_EQ(shown(store->put(std::vector{letter(1), letter(2)})), "done");
  EXPECT_EQ(shown(store->request_replay({}, {}, somebody)), "2 letters requested");
  EXPECT_EQ(shown(store->claim_requested({}, 1)), ":1");
  const auto file = queues.path.string() + "-claims";
  ASSERT_TRUE(std::filesystem::remove(file));
  EXPECT_EQ(shown(store->claim_requested({}, 1)), ":2");
  ASSERT_TRUE(std::filesystem::exists(file));
  EXPECT_EQ(shown(queues.open()->claim_requested({}, 9)), "") << "both are being replayed";
  EXPECT_THAT(rows(queues.path, "SELECT claimed_by FROM dead_letters"), ElementsAre("1", "1"));
  // Another claimant looks into the new file too.
  auto other = queues.open();
  EXPECT_EQ(shown(store->release(ids_of(store->select({}, 9)))), "done");
  EXPECT_EQ(shown(other->claim_requested({}, 1)), ":1");
  ASSERT_TRUE(std::filesystem::remove(file));
  EXPECT_EQ(shown(other->claim_requested({.ids = {99}}, 1)), "");
  EXPECT_EQ(shown(store->claim_requested({}, 9)), ":2") << "the first is the other's";
}

TEST(SqliteQueue, MakesNoFileForATool) {
  sqlite_shelves queues{0};
  dead_letters::sqlite service{queues.path};
  const auto early = service.for_tool(tool_use::look);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().message(), "there is no file '" + queues.path.string() + "'");
  EXPECT_FALSE(std::filesystem::exists(queues.path));
  EXPECT_EQ(shown(service.put(std::vector{letter(1)})), "done");
  const auto tool = service.for_tool(tool_use::look);
  ASSERT_TRUE(tool && *tool);
  EXPECT_EQ(shown((*tool)->select({}, 9)), ":1");
}

TEST(SqliteQueue, WritesNothingIntoAFileWithoutDeadLetters) {
  for (const auto* const content : {"", "CREATE TABLE events(id)"}) {
    sqlite_shelves queues{0};
    std::ofstream{queues.path}.close();
    EXPECT_EQ(*content == '\0' ? "done" : sql(queues.path, content), "done");
    const auto bytes = [&] {
      std::ifstream file{queues.path, std::ios::binary};
      return std::string{std::istreambuf_iterator<char>{file}, {}};
    };
    const auto before = bytes();
    for (const auto use : {tool_use::look, tool_use::work}) {
      const auto tool = dead_letters::sqlite{queues.path}.for_tool(use);
      ASSERT_TRUE(tool);
      EXPECT_EQ(shown((*tool)->open()), "fatal: '" + queues.path.string()
                                            + "' holds no dead letters: it has no table "
                                              "dead_letters");
      EXPECT_FALSE((*tool)->purge({}, somebody));
    }
    EXPECT_FALSE(dead_letters::load(queues.path, 1));
    EXPECT_TRUE(bytes() == before);
  }
}

TEST(SqliteQueue, ShowsATableOfTheFirstVersionAndLeavesItAsItIs) {
  sqlite_shelves queues{0};
  EXPECT_EQ(sql(queues.path, first_version), "done");
  const auto tool = dead_letters::sqlite{queues.path}.for_tool(tool_use::look);
  ASSERT_TRUE(tool);
  EXPECT_EQ(shown((*tool)->select({.key = "", .state = dead_letter_state::kept}, 9)), ":17");
  EXPECT_EQ((*tool)->histogram({})->size(), 1U);
  EXPECT_EQ(shown((*tool)->request_replay({}, {.dry_run = true}, somebody)), "1 letter requested");
  EXPECT_THAT(*(*tool)->audit(0, 9), IsEmpty());
  EXPECT_FALSE((*tool)->purge({}, somebody));
  EXPECT_THAT(rows(queues.path, "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'"),
              ElementsAre("dead_letters"));
}

/// The table and the audit as they were before payloads were kept.
constexpr auto before_payloads_were_kept = R"(
DROP TRIGGER dead_letters_removed;
DROP TABLE dead_letter_replaced;
ALTER TABLE dead_letters DROP COLUMN edited_at)";

TEST(SqliteQueue, ExtendsAnAuditWithoutPayloads) {
  sqlite_shelves queues{0};
  {
    auto store = queues.open();
    EXPECT_EQ(shown(store->put(std::vector{letter(1)})), "done");
    EXPECT_EQ(shown(store->edit(1, "first", somebody)), "done");
  }
  EXPECT_EQ(sql(queues.path, before_payloads_were_kept), "done");
  const auto tool = dead_letters::sqlite{queues.path}.for_tool(tool_use::look);
  const auto lines = (*tool)->audit(0, 9);
  ASSERT_TRUE(lines && lines->size() == 1) << lines.error().message();
  EXPECT_FALSE(lines->front().payload_before);
  auto store = queues.open();
  EXPECT_EQ(shown(store->edit(1, "second", somebody)), "done");
  EXPECT_EQ(store->audit(1, 9)->front().payload_before, "first");
  EXPECT_FALSE(store->audit(0, 1)->front().payload_before);
}

/// The audit as it was when it kept the payloads itself.
constexpr auto with_payloads_in_the_audit = R"(
DROP TRIGGER dead_letters_removed;
DROP TABLE dead_letter_replaced;
ALTER TABLE dead_letter_audit ADD COLUMN payload_before BLOB;
INSERT INTO dead_letter_audit(at, who, what, about, outcome, payload_before) VALUES
  ('2024-01-31T13:00:00.000Z', 'somebody', 'edit', 'id 1', 'replaced', 'of one'),
  ('2024-01-31T13:00:00.000Z', 'somebody', 'edit', 'id 7', 'replaced', 'of one that is gone'),
  ('2024-01-31T13:00:00.000Z', 'somebody', 'export', 'id 1', 'written', NULL))";

TEST(SqliteQueue, MovesPayloadsOutOfAnOlderAudit) {
  sqlite_shelves queues{0};
  EXPECT_EQ(shown(queues.open()->put(std::vector{letter(1)})), "done");
  EXPECT_EQ(sql(queues.path, with_payloads_in_the_audit), "done");
  const auto replaced = [](weir::dead_letter_queue& in) {
    std::string all;
    const auto lines = in.audit(0, 9);
    for (const auto& one : *lines)
      all += "[" + one.payload_before.value_or("none") + "]";
    return all;
  };
  EXPECT_EQ(replaced(**dead_letters::sqlite{queues.path}.for_tool(tool_use::look)),
            "[of one][of one that is gone][none]");
  auto store = queues.open();
  EXPECT_EQ(replaced(*store), "[of one][none][none]");
  EXPECT_EQ(shown(store->purge({}, somebody)), "1");
  EXPECT_EQ(replaced(*store).substr(0, 18), "[none][none][none]");
}

/// Everything in the file, and in the log beside it.
std::string bytes_of(const std::filesystem::path& path) {
  std::string all;
  for (const auto* const name : {"", "-wal", "-journal"}) {
    std::ifstream in{path.string() + name, std::ios::binary};
    all.append(std::istreambuf_iterator<char>{in}, {});
  }
  return all;
}

TEST(SqliteQueue, LeavesNoByteOfWhatWasPurged) {
  sqlite_shelves queues{0};
  auto store = queues.open();
  auto one = letter(1);
  one.payload = "a secret, and long enough: " + std::string(9000, 'x');
  EXPECT_EQ(shown(store->put(std::vector{one, letter(2)})), "done");
  EXPECT_EQ(shown(store->edit(1, "another secret", somebody)), "done");
  EXPECT_NE(bytes_of(queues.path).find("a secret"), std::string::npos);
  EXPECT_TRUE(store->purge({.ids = {1}}, somebody));
  EXPECT_EQ(bytes_of(queues.path).find("a secret"), std::string::npos);
  EXPECT_EQ(bytes_of(queues.path).find("another secret"), std::string::npos);
  EXPECT_EQ(bytes_of(queues.path).find(std::string(100, 'x')), std::string::npos);
}

/// Acts as somebody who owns nothing, for its scope.
class as_nobody {
public:
  as_nobody() { EXPECT_EQ(::seteuid(65534), 0); }
  as_nobody(const as_nobody&) = delete;
  ~as_nobody() { EXPECT_EQ(::seteuid(0), 0); }
};

TEST(SqliteQueue, ShowsWhatMayOnlyBeRead) {
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs to be root, to be somebody else";
  using std::filesystem::perms;
  sqlite_shelves queues{0};
  queues.path = queues.in / "50% #1?.db";
  const auto parent = queues.path.parent_path();
  const auto read = perms::owner_read | perms::group_read | perms::others_read;
  const auto enter = perms::owner_exec | perms::group_exec | perms::others_exec;
  for (const bool folder_too : {false, true}) {
    std::filesystem::permissions(parent, folder_too ? read | enter : perms::all);
    {
      auto service = queues.open();
      EXPECT_EQ(shown(service->put(std::vector{letter(7)})), "done");
    }
    const auto look = [&] {
      for (const auto& one : std::filesystem::directory_iterator{parent})
        std::filesystem::permissions(one, read);
      const as_nobody now;
      const auto tool = dead_letters::sqlite{queues.path}.for_tool(tool_use::look);
      return tool ? shown((*tool)->select({}, 9)) : tool.error().message();
    };
    EXPECT_EQ(look(), ":7");
    EXPECT_FALSE(std::filesystem::exists(queues.path.string() + "-wal")) << "nothing is left there";
    auto service = queues.open();
    EXPECT_EQ(look(), ":7") << "beside the service";
  }
}

TEST(SqliteQueue, LoadsOneLetter) {
  sqlite_shelves queues{0};
  const auto refusal = [&](std::uint64_t id) {
    const auto loaded = dead_letters::load(queues.path, id);
    return loaded ? loaded->payload : loaded.error().message();
  };
  EXPECT_EQ(refusal(1), "there is no file '" + queues.path.string() + "'");
  EXPECT_EQ(shown(queues.open()->put(std::vector{letter(7)})), "done");
  EXPECT_EQ(refusal(2), "'" + queues.path.string() + "' ← there is no dead letter 2");
  EXPECT_EQ(refusal(1), "payload 7");
}

} // namespace weir::queue_tests
