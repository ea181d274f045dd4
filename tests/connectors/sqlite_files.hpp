#pragma once

#include "../temporary_folder.hpp"

#include <weir/connectors/sqlite/insert.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

/// What the tests of the SQLite connector share: a folder, looking into a file, being in its way, and a table.
namespace weir::sqlite_tests {

using namespace std::chrono_literals;
using sqlite::database;

using folder = weir_test::temporary_folder;

/// The first column of all rows of a query, or why there are none.
inline std::vector<std::string> rows(const std::filesystem::path& path, const std::string& select) {
  auto opened = database::open(path, {.busy_timeout = 5s, .read_only = true});
  if (!opened)
    return {opened.error().message()};
  auto query = opened->prepare(select);
  if (!query)
    return {query.error().message()};
  std::vector<std::string> found;
  for (;;) {
    auto more = query->step();
    if (!more)
      return {more.error().message()};
    if (!*more)
      return found;
    found.push_back(query->text(0));
  }
}

/// "position", "position +first-last …" or "nothing" of a partition.
inline std::string point_in(const std::filesystem::path& path, const std::string& pipeline,
                            const std::string& partition) {
  const auto found = sqlite::stored_point(path, pipeline, partition);
  if (!found)
    return found.error().message();
  if (!*found)
    return "nothing";
  auto text = std::to_string((*found)->position);
  for (const auto& one : (*found)->beyond)
    text += " +" + std::to_string(one.first) + "-" + std::to_string(one.last);
  return text;
}

inline std::string text_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream{path} << content;
  return path;
}

/// A second connection that keeps writers out while it lives.
class lock {
public:
  explicit lock(const std::filesystem::path& path, const std::string& how = "BEGIN EXCLUSIVE")
      : connection_{database::open(path, {.busy_timeout = 5s, .read_only = true})} {
    EXPECT_TRUE(connection_) << connection_.error().message();
    EXPECT_TRUE(connection_->execute("PRAGMA query_only = OFF"));
    const auto locked = connection_->execute(how);
    EXPECT_TRUE(locked) << locked.error().message();
  }

private:
  result<database> connection_;
};

struct reading {
  std::optional<std::string> id;
  std::int64_t value = 0;
};

inline std::string weir_payload(const reading& one) { return one.id.value_or("-"); }

inline void fill(const reading& one, sqlite::row& row) {
  row.set("id", one.id);
  row.set("value", one.value);
}

inline sqlite::table_options readings(const std::filesystem::path& path,
                                      const std::string& before = {}) {
  return {.path = path,
          .table = "readings",
          .columns = {"id", "value"},
          .key = "id",
          .create = before
                    + "CREATE TABLE IF NOT EXISTS readings("
                      "id TEXT PRIMARY KEY, value INTEGER NOT NULL CHECK(value < 100))",
          .open = {.busy_timeout = 0ms}};
}

} // namespace weir::sqlite_tests
