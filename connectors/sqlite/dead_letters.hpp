#pragma once

#include <weir/dead_letters/dead_letter_queue.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

namespace weir::sqlite {
class letter_access;
}

namespace weir::dead_letters {

struct sqlite_options {
  std::uint64_t capacity = 0; ///< letters; a full store refuses. 0: what the disk holds
  std::chrono::milliseconds busy_timeout{100}; ///< how long one try waits for another's lock
  /// A tool's: the file and its table must be there. With `look` nothing is written, and need not be allowed to be.
  std::optional<tool_use> tool{};
};

/// Keeps dead letters in the table `dead_letters` of an SQLite file, which it makes where it is not there; and in
/// `dead_letter_audit` what was done to them. A table that an older version made is extended.
///
/// Several processes may have the file open: the service, and tools. Who has claimed letters holds a lock in the
/// file beside it, "…-claims", which the system drops with the process.
/// A payload is TEXT where it is valid UTF-8 without NUL bytes, so that the sqlite3 shell shows it, else a
/// BLOB; its bytes are the same. Times are UTC, as 2024-01-31T12:00:00.000Z. `cause` is the chain on one line,
/// `chain` a JSON array.
/// Owner: any thread. Copies share one connection and one claimant.
/// Failure: full, busy or unwritable: nothing of the call is kept. What is kept outlives a power cut.
class sqlite final : public dead_letter_queue {
public:
  explicit sqlite(std::filesystem::path path, sqlite_options options = {});

  /// A file that can't be a database is refused; one that is only busy is opened with the next call.
  result<void> open() override;
  result<void> put(std::span<const dead_letter> letters) override;

  result<std::vector<dead_letter>> select(const dead_letter_filter& filter, std::size_t max,
                                          const dead_letter_cursor& after = {}) override;
  result<std::vector<dead_letter_count>> histogram(const dead_letter_filter& filter) override;
  result<void> edit(std::uint64_t id, std::string payload, const done_by& by) override;
  result<replay_request> request_replay(const dead_letter_filter& filter, const replay_terms& terms,
                                        const done_by& by) override;
  result<std::uint64_t> cancel_replay(const dead_letter_filter& filter, const done_by& by) override;
  result<std::vector<dead_letter>> claim_requested(const dead_letter_filter& filter,
                                                   std::size_t max) override;
  result<void> release(std::span<const std::uint64_t> ids) override;
  result<void> withdraw(std::span<const std::uint64_t> ids, const std::string& why,
                        const done_by& by) override;
  result<void> replayed(std::span<const std::uint64_t> ids, const done_by& by) override;
  result<std::uint64_t> purge(const dead_letter_filter& filter, const done_by& by) override;
  result<void> note(const dead_letter_audit& line) override;
  result<std::vector<dead_letter_audit>> audit(std::uint64_t after, std::size_t max) override;

  result<std::shared_ptr<dead_letter_queue>> for_tool(tool_use use) override;
  static constexpr std::chrono::milliseconds tool_busy_timeout{5000};

private:
  sqlite_options options_;
  std::shared_ptr<weir::sqlite::letter_access> store_;
};

/// Reads the letter with this id, for weir::repro and the like. Poison if there is none; the file must be there.
result<dead_letter> load(const std::filesystem::path& path, std::uint64_t id);

} // namespace weir::dead_letters
