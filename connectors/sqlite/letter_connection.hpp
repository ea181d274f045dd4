#pragma once

#include <weir/connectors/sqlite/claimed_letters.hpp>
#include <weir/connectors/sqlite/claims.hpp>
#include <weir/connectors/sqlite/database.hpp>
#include <weir/connectors/sqlite/letter_audit.hpp>
#include <weir/connectors/sqlite/letter_table.hpp>
#include <weir/connectors/sqlite/letter_upsert.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace weir::sqlite {

struct letter_connection_options {
  std::chrono::milliseconds busy_timeout{100}; ///< how long one try waits for another's lock
  /// A tool's: the file and its table must be there, and with `look` nothing is written.
  std::optional<tool_use> tool{};
};

/// An open store of dead letters: a connection, and all that looks into its tables.
///
/// Owner: one thread at a time.
/// Invariants: its tables are up to date, or are shown as if they were.
class letter_connection {
public:
  /// Requests again what claimants that are gone have left behind, unless it is opened to look.
  static result<std::unique_ptr<letter_connection>>
  open(const std::filesystem::path& path, const letter_connection_options& options, claims& others);

  explicit letter_connection(database opened) : where{std::move(opened)} {}
  letter_connection(const letter_connection&) = delete; // the tables point into it
  letter_connection& operator=(const letter_connection&) = delete;

  /// All of it or nothing: commits what `work` did unless it failed.
  template <class Work>
  auto writing(Work work) -> decltype(work()) {
    return within(&transaction::commit, work);
  }
  /// The same, once what this process has committed to other databases is on the disk: `work` gives letters up for it.
  template <class Work>
  auto giving_up(Work work) -> decltype(work()) {
    return within(&transaction::commit_behind_others, work);
  }

  /// Claimants that are gone, and left letters behind.
  result<std::vector<std::uint64_t>> orphans(claims& others);
  /// Requests again what they left. Expects a transaction to be open.
  result<void> release_orphans(claims& others);

  database where;
  letter_table letters{where};
  letter_upsert upsert{where};
  claimed_letters claimed{where};
  letter_audit audit{where};

private:
  template <class Work>
  auto within(result<void> (transaction::*commit)(), Work& work) -> decltype(work()) {
    auto begun = transaction::begin(where);
    if (!begun)
      return std::move(begun.error());
    auto done = work();
    if (done)
      if (auto committed = ((*begun).*commit)(); !committed)
        return std::move(committed.error());
    return done;
  }
  static result<std::unique_ptr<letter_connection>>
  to_look(const std::filesystem::path& path, const letter_connection_options& options);
};

} // namespace weir::sqlite
