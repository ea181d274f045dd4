#pragma once

#include <weir/supervision/failure.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

/// SQLite with its errors as values: a connection, its statements, and a transaction that rolls back.
///
/// Owner: one thread at a time uses a connection and what was made from it.
namespace weir::sqlite {

/// What a commit promises.
enum class durability {
  process, ///< outlives the program, however it ends; a power cut may undo the last commits, in their order
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

class database {
public:
  /// Opens the file, or makes it, for its owner only (mode 0600). Keeps a write-ahead log: readers never wait.
  /// Failure: fatal if it can't be a database (a foreign file, a missing folder, no permission), with the
  /// path; transient if another connection is in the way.
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

  struct close {
    void operator()(sqlite3* connection) const noexcept;
  };
  std::unique_ptr<sqlite3, close> connection_;
};

/// All or nothing: what is not committed is rolled back. Begins as a writer, so that waiting for other writers
/// happens at the beginning. Must not outlive its database.
class transaction {
public:
  static result<transaction> begin(database& in);
  transaction(transaction&& other) noexcept : connection_{std::exchange(other.connection_, {})} {}
  transaction& operator=(transaction&&) = delete;
  ~transaction();

  /// A failure leaves nothing of the transaction behind.
  result<void> commit();

private:
  explicit transaction(sqlite3* connection) : connection_{connection} {}
  void roll_back() noexcept;

  sqlite3* connection_; // null when it is over
};

} // namespace weir::sqlite
