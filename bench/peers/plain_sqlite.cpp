// What one would write without a framework: a single thread that reads JSON lines (plain or gzip),
// parses and checks each, and stores events and position in SQLite, 100 rows a transaction. A line
// that is no event is counted and left out; a restart goes on behind the stored position.
#include <array>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <weir/bench/harness.hpp>
#include <zlib.h>

namespace {

constexpr int batch_size = 100;

class line_reader {
public:
  explicit line_reader(const std::string& path) : file_(gzopen(path.c_str(), "rb"), gzclose) {
    if (!file_)
      throw std::runtime_error("cannot open " + path);
  }

  bool next(std::string& line) {
    line.clear();
    for (;;) {
      if (at_ == end_) {
        const int got = gzread(file_.get(), buffer_.data(), static_cast<unsigned>(buffer_.size()));
        if (got < 0)
          throw std::runtime_error("cannot read the input");
        if (got == 0)
          return !line.empty();
        at_ = buffer_.data();
        end_ = at_ + got;
      }
      const auto left = static_cast<std::size_t>(end_ - at_);
      const auto* newline = static_cast<const char*>(std::memchr(at_, '\n', left));
      line.append(at_, newline ? newline : end_);
      at_ = newline ? newline + 1 : end_;
      if (newline)
        return true;
    }
  }

private:
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
  std::array<char, 64 * 1024> buffer_;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
};

class store {
public:
  explicit store(const std::string& path) {
    check(sqlite3_open(path.c_str(), &database_));
    execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            "CREATE TABLE IF NOT EXISTS events(id TEXT PRIMARY KEY, data TEXT, enrichment TEXT);"
            "CREATE TABLE IF NOT EXISTS position(source INTEGER PRIMARY KEY, line INTEGER);"
            "INSERT OR IGNORE INTO position VALUES(1, 0);");
    insert_ = prepare("INSERT OR IGNORE INTO events(id, data, enrichment) VALUES(?, ?, NULL)");
    move_ = prepare("UPDATE position SET line = ? WHERE source = 1");
    begin_ = prepare("BEGIN");
    commit_ = prepare("COMMIT");
  }
  store(const store&) = delete;
  store& operator=(const store&) = delete;
  ~store() {
    for (auto* statement : {insert_, move_, begin_, commit_})
      sqlite3_finalize(statement);
    sqlite3_close(database_);
  }

  std::uint64_t position() {
    auto* statement = prepare("SELECT line FROM position WHERE source = 1");
    sqlite3_step(statement);
    const auto line = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return static_cast<std::uint64_t>(line);
  }

  void begin() { run(begin_); }

  void insert(const std::string& id, const std::string& data) {
    sqlite3_bind_text(insert_, 1, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
    sqlite3_bind_text(insert_, 2, data.data(), static_cast<int>(data.size()), SQLITE_STATIC);
    run(insert_);
  }

  void commit(std::uint64_t line) {
    sqlite3_bind_int64(move_, 1, static_cast<sqlite3_int64>(line));
    run(move_);
    run(commit_);
  }

private:
  void check(int status) {
    if (status != SQLITE_OK && status != SQLITE_DONE)
      throw std::runtime_error(std::string{"sqlite: "} + sqlite3_errmsg(database_));
  }
  void execute(const char* sql) { check(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr)); }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr));
    return statement;
  }
  void run(sqlite3_stmt* statement) {
    check(sqlite3_step(statement));
    sqlite3_reset(statement);
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* move_ = nullptr;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
};

int load(const std::string& input, const std::string& path) {
  const weir::bench::stopwatch watch;
  line_reader reader{input};
  store out{path};
  const auto start = out.position();
  std::uint64_t line_number = 0;
  std::uint64_t refused = 0;
  int pending = 0;

  std::string line;
  while (reader.next(line)) {
    if (++line_number <= start)
      continue;
    const auto event = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!event.is_object() || !event.contains("data") || !event.contains("id")
        || !event["id"].is_string()) {
      ++refused;
      continue;
    }
    if (pending == 0)
      out.begin();
    out.insert(event["id"].get_ref<const std::string&>(), event["data"].dump());
    if (++pending == batch_size) {
      out.commit(line_number);
      pending = 0;
    }
  }
  if (pending > 0)
    out.commit(line_number);
  if (refused > 0)
    std::fprintf(stderr, "plain_sqlite: %" PRIu64 " lines are no events\n", refused);
  weir::bench::print_result("plain_sqlite", line_number - start, watch.read());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  std::string input;
  std::string path;
  for (int i = 1; i + 1 < argc; i += 2)
    (std::string{argv[i]} == "--input" ? input : path) = argv[i + 1];
  if (argc != 5 || input.empty() || path.empty()) {
    std::fprintf(stderr, "usage: %s --input FILE --store PATH\n", argv[0]);
    return 2;
  }
  try {
    return load(input, path);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "plain_sqlite: %s\n", error.what());
    return 1;
  }
}
