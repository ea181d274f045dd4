#pragma once

#include <weir/connectors/sqlite/unsynced_log.hpp>
#include <weir/supervision/failure.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

struct sqlite3;
struct sqlite3_stmt;

/// SQLite with its errors as values: a connection, its statements, and a transaction that rolls back.
///
/// Owner: one thread at a time uses a connection and what was made from it.
namespace weir::sqlite {

/// What a commit promises.
enum class durability {
  /// Outlives the program, however it ends; a power cut may undo the last commits, in their order. What gives something
  /// up for them (a letter that went through, a position elsewhere) waits until they are on the disk.
  process,
  power ///< outlives a power cut: every commit waits for the disk
};

struct open_options {
  durability survives = durability::process;
  /// How long a call waits for another connection's lock before it fails as transient. Short: a stage has a
  /// back-off of its own, and a stage that sleeps in here can't be stopped.
  std::chrono::milliseconds busy_timeout{100};
  bool read_only = false; ///< then the file must be there, and need not be writable
};

/// What went wrong, by SQLite's (extended) result code.
///
/// | code                                                                     | kind      |
/// |--------------------------------------------------------------------------|-----------|
/// | BUSY, LOCKED, FULL, IOERR, CANTOPEN, NOMEM, PROTOCOL, SCHEMA, INTERRUPT  | transient |
/// | CONSTRAINT, MISMATCH, TOOBIG: the values of one row                      | poison    |
/// | all others: CORRUPT, NOTADB, READONLY, ERROR (the SQL itself) …          | fatal     |
failure_kind kind_of(int code) noexcept;

/// A statement, prepared once and run many times. Parameters count from 1, columns of an answer from 0.
/// Values are copied. A value that can't be bound (too big) fails the next `step` or `run`.
class statement {
public:
  void bind_text(int parameter, std::string_view text);
  void bind_blob(int parameter, std::string_view bytes);
  void bind_integer(int parameter, std::int64_t value);
  void bind_real(int parameter, double value);
  void bind_null(int parameter);
  /// Every parameter is null again.
  void clear() noexcept;

  /// True: there is a row to look at. False: there are no more, and the statement may be run again.
  result<bool> step();
  /// Runs it to its end. May be run again, with the same values or others.
  result<void> run();
  /// Gives up the rest of an answer.
  void reset() noexcept;

  // Of the row that `step` found.
  std::int64_t integer(int column) const;
  std::string text(int column) const;

private:
  friend class database;
  explicit statement(sqlite3_stmt* prepared) : prepared_{prepared} {}
  void bound(int code);

  struct finalize {
    void operator()(sqlite3_stmt* prepared) const noexcept;
  };
  std::unique_ptr<sqlite3_stmt, finalize> prepared_;
  int bind_error_ = 0;
};

/// Which file it is, whatever its name.
struct file_identity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const file_identity&) const = default;
};

class database {
public:
  /// Opens the file, or makes it, for its owner only (mode 0600). Keeps a write-ahead log: readers never wait.
  /// Failure: fatal if it can't be a database (a foreign file, a missing folder, no permission, a file of several
  /// names, beside each of which there would be another log), with the path; transient if another connection is in the
  /// way.
  static result<database> open(const std::filesystem::path& path, open_options options = {});

  result<statement> prepare(std::string_view sql);
  /// Runs one or more statements without values.
  result<void> execute(const std::string& sql);

  /// Rows that the last INSERT, UPDATE or DELETE changed.
  int changes() const noexcept;
  bool in_transaction() const noexcept;

private:
  friend class transaction;
  explicit database(sqlite3* connection) : connection_{connection} {}
  static result<database> connect(const std::filesystem::path& path, const open_options& options);
  /// Remembers which file it is, and finds its log, which others may have to sync.
  result<void> know_file(const std::filesystem::path& real, durability survives);
  /// Is the open file still the one at its path? Transient if not: nobody would find what is written there.
  result<void> is_there() const;
  /// The same of its log, once a transaction has opened that.
  result<void> is_log_there();

  struct close {
    void operator()(sqlite3* connection) const noexcept;
  };
  std::unique_ptr<sqlite3, close> connection_;
  std::filesystem::path path_; // absolute, as it was spelled
  std::filesystem::path log_path_;
  file_identity file_;
  std::optional<file_identity> log_file_;  // once it was seen
  std::shared_ptr<unsynced_log> unsynced_; // of this file; null: nothing is written
  bool syncs_itself_ = false;              // with every commit
};

/// All or nothing: what is not committed is rolled back. Begins as a writer, so that waiting for other writers
/// happens at the beginning. Must not outlive its database.
class transaction {
public:
  /// Failure: transient, too, where the file was removed or moved, or another one is in its place.
  static result<transaction> begin(database& in);
  transaction(transaction&& other) noexcept
      : connection_{std::exchange(other.connection_, {})},
        unsynced_{other.unsynced_},
        syncs_itself_{other.syncs_itself_} {}
  transaction& operator=(transaction&&) = delete;
  ~transaction();

  /// A failure leaves nothing of the transaction behind.
  result<void> commit();
  /// Commits what gives something up because another database has it now: a letter that has gone through, a position.
  /// What this process has committed to other databases is on the disk before.
  result<void> commit_behind_others();

private:
  transaction(sqlite3* connection, unsynced_log* unsynced, bool syncs_itself)
      : connection_{connection}, unsynced_{unsynced}, syncs_itself_{syncs_itself} {}
  void roll_back() noexcept;

  sqlite3* connection_; // null when it is over
  unsynced_log* unsynced_;
  bool syncs_itself_;
};

} // namespace weir::sqlite
