#pragma once

#include <weir/supervision/dead_letter.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace weir::dead_letters {

struct sqlite_options {
  std::uint64_t capacity = 0; ///< letters; a full store refuses. 0: what the disk holds
  std::chrono::milliseconds busy_timeout{100}; ///< how long one try waits for another's lock
};

/// Keeps dead letters in the table `dead_letters` of an SQLite file, which it makes where it is not there.
///
/// A letter that was kept before is replaced, but keeps the time of its first failure and its replay_count.
/// A payload is TEXT where it is valid UTF-8 without NUL bytes, so that the sqlite3 shell shows it, else a
/// BLOB; its bytes are the same. Times are UTC, as 2024-01-31T12:00:00.000Z. `cause` is the chain on one line,
/// `chain` a JSON array.
/// Failure: full, busy or unwritable: nothing of this `put` is kept. What is kept outlives a power cut.
class sqlite final : public dead_letter_store {
public:
  explicit sqlite(std::filesystem::path path, sqlite_options options = {});

  /// A file that can't be a database is refused; one that is only busy is opened with the first `put`.
  result<void> open() override;
  result<void> put(std::span<const dead_letter> letters) override;

private:
  class connection;

  std::filesystem::path path_;
  sqlite_options options_;
  std::shared_ptr<connection> connection_; // null until it is open
};

} // namespace weir::dead_letters
