// Weir's contestant where all items become dead letters in SQLite: through a whole pipeline, by the store alone, and
// replayed from it; and beside them the same rows by SQLite's C API.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>
#include <weir/bench/harness.hpp>
#include <weir/bench/weir_run.hpp>
#include <weir/connectors/sqlite/dead_letters.hpp>
#include <weir/supervision/utc.hpp>
#include <weir/weir.hpp>

#include <sqlite3.h>

namespace weir::bench {
static std::string weir_payload(const event& one) { return one.key + " " + one.data; }
} // namespace weir::bench

namespace {

using weir::bench::event;
using weir::bench::fail;
using weir::bench::stopwatch;

constexpr auto usage = "pipeline|store|replay|plain --file FILE [--items N]";
const std::uint64_t at_once = weir::runtime_options{}.letters_waiting_max;

struct settings {
  std::string what;
  std::string file;
  std::uint64_t items = 200'000;
};

settings read_settings(int argc, char** argv) {
  settings out;
  try {
    out.what = argc % 2 == 0 ? argv[1] : "";
    for (int i = 2; i + 1 < argc; i += 2)
      if (const std::string flag = argv[i]; flag == "--file")
        out.file = argv[i + 1];
      else if (flag == "--items")
        out.items = std::stoull(argv[i + 1]);
      else
        out.what.clear();
  } catch (const std::exception&) {
    out.what.clear();
  }
  if (out.file.empty() || out.items == 0)
    out.what.clear();
  return out;
}

/// Takes away what an earlier run has left.
void remove_store(const std::string& file) {
  for (const auto* rest : {"", "-wal", "-shm", "-claims"})
    std::filesystem::remove(file + rest);
}

weir::dead_letter letter_of(std::uint64_t number) {
  const auto one = weir::bench::make_event(number);
  weir::dead_letter letter;
  letter.pipeline = "bench";
  letter.stage = "stage";
  letter.source = "source";
  letter.position = number + 1;
  letter.key = one.key;
  letter.payload = weir_payload(one);
  letter.payload_type = "event";
  letter.attempts = 1;
  letter.why = weir::poison("there is no such customer");
  letter.first_failed_at = letter.last_failed_at =
      std::chrono::sys_days{std::chrono::year{2026} / 1 / 1} + std::chrono::milliseconds{number};
  return letter;
}

void expect(const weir::result<void>& done) {
  if (!done)
    fail("weir", done.error().message());
}

template <class Keep>
void in_batches(std::uint64_t items, Keep keep) {
  for (std::uint64_t number = 0; number < items;) {
    std::vector<weir::dead_letter> letters;
    for (const auto end = std::min(items, number + at_once); number < end; ++number)
      letters.push_back(letter_of(number));
    keep(letters);
  }
}

int through_a_pipeline(const settings& how) {
  weir::runtime node{{.threads = 2}};
  const stopwatch watch;
  weir::pipeline pipeline{"bench"};
  pipeline
      .from("source",
            weir::bench::numbers<event, decltype(&weir::bench::make_event)>{
                how.items, &weir::bench::make_event})
      .via("stage",
           [](const event&) -> weir::result<event> {
             return weir::poison("there is no such customer");
           })
      .to("sink", [](const event&) {});
  pipeline.dead_letters_to(weir::dead_letters::sqlite{how.file});
  {
    weir::running_pipeline running{std::move(pipeline), node};
    expect(running.start());
    if (running.wait() != weir::running_pipeline::state::finished)
      fail("weir", running.why().message());
    if (const auto ledger = running.snapshot().ledger; ledger.dead_lettered != how.items)
      fail("weir", "the ledger says " + to_string(ledger));
  }
  weir::bench::print_result("weir", how.items, watch.read());
  return 0;
}

int by_the_store(const settings& how) {
  weir::dead_letters::sqlite store{how.file};
  expect(store.open());
  const stopwatch watch;
  in_batches(how.items, [&](const auto& letters) { expect(store.put(letters)); });
  weir::bench::print_result("weir", how.items, watch.read());
  return 0;
}

/// What the replay of all letters costs the store: they are asked for, claimed and removed.
int replayed(const settings& how) {
  weir::dead_letters::sqlite store{how.file};
  expect(store.open());
  in_batches(how.items, [&](const auto& letters) { expect(store.put(letters)); });
  const weir::dead_letter_filter ours{.pipeline = "bench"};
  const weir::done_by bench{"bench", {}};
  const stopwatch watch;
  if (const auto asked = store.request_replay(ours, {}, bench); !asked)
    fail("weir", asked.error().message());
  std::uint64_t gone = 0;
  for (;;) {
    const auto claimed = store.claim_requested(ours, 64);
    if (!claimed)
      fail("weir", claimed.error().message());
    if (claimed->empty())
      break;
    std::vector<std::uint64_t> ids;
    for (const auto& one : *claimed)
      ids.push_back(one.id);
    expect(store.replayed(ids, bench));
    gone += ids.size();
  }
  const auto time = watch.read();
  if (gone != how.items)
    fail("weir", std::to_string(gone) + " letters were replayed");
  weir::bench::print_result("weir", how.items, time);
  return 0;
}

/// The same columns and indexes, as many rows a transaction, as durable.
class plain_store {
public:
  explicit plain_store(const std::string& file) {
    check(sqlite3_open(file.c_str(), &database_));
    execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
            "CREATE TABLE letters(id INTEGER PRIMARY KEY, pipeline TEXT, stage TEXT, source TEXT, "
            "position INTEGER, part INTEGER, kind TEXT, cause TEXT, chain TEXT, payload BLOB, "
            "payload_type TEXT, attempts INTEGER, first_failed_at TEXT, last_failed_at TEXT, "
            "replay_count INTEGER, key TEXT, trace_id TEXT, state TEXT, claimed_by INTEGER, "
            "edited_at TEXT, UNIQUE(pipeline, stage, source, position, part));"
            "CREATE INDEX in_order ON letters(key, id);");
    check(sqlite3_prepare_v2(database_,
                             "INSERT INTO letters VALUES(NULL, ?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, "
                             "?9, ?10, ?11, ?12, 0, ?13, '', 'kept', NULL, NULL)",
                             -1, &insert_, nullptr));
  }
  plain_store(const plain_store&) = delete;
  plain_store& operator=(const plain_store&) = delete;
  ~plain_store() {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
  }

  void put(std::span<const weir::dead_letter> letters) {
    execute("BEGIN IMMEDIATE");
    for (const auto& one : letters) {
      const auto why = one.why.message();
      const auto chain = "[\"" + why + "\"]";
      const auto first = weir::utc_text(one.first_failed_at);
      const auto last = weir::utc_text(one.last_failed_at);
      bind(1, one.pipeline);
      bind(2, one.stage);
      bind(3, one.source);
      sqlite3_bind_int64(insert_, 4, static_cast<sqlite3_int64>(one.position));
      bind(5, to_string(one.why.kind));
      bind(6, why);
      bind(7, chain);
      bind(8, one.payload);
      bind(9, one.payload_type);
      sqlite3_bind_int64(insert_, 10, one.attempts);
      bind(11, first);
      bind(12, last);
      bind(13, one.key);
      check(sqlite3_step(insert_));
      sqlite3_reset(insert_);
    }
    execute("COMMIT");
  }

private:
  void bind(int parameter, std::string_view text) {
    check(sqlite3_bind_text(insert_, parameter, text.data(), static_cast<int>(text.size()),
                            SQLITE_STATIC));
  }
  void execute(const char* sql) { check(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr)); }
  void check(int status) {
    if (status != SQLITE_OK && status != SQLITE_DONE)
      fail("plain", sqlite3_errmsg(database_));
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

int plainly(const settings& how) {
  plain_store store{how.file};
  const stopwatch watch;
  in_batches(how.items, [&](const auto& letters) { store.put(letters); });
  weir::bench::print_result("plain", how.items, watch.read());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  const auto how = read_settings(argc, argv);
  if (!how.file.empty())
    remove_store(how.file);
  if (how.what == "pipeline")
    return through_a_pipeline(how);
  if (how.what == "store")
    return by_the_store(how);
  if (how.what == "replay")
    return replayed(how);
  if (how.what == "plain")
    return plainly(how);
  std::fprintf(stderr, "usage: %s %s\n", argv[0], usage);
  return 2;
}
