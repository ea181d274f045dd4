#pragma once

#include <weir/supervision/failure.hpp>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

struct sqlite3_vfs;

namespace weir::sqlite {

/// The write-ahead log of a database to which this process commits without waiting for the disk. A power cut takes back
/// what is not synced yet; so whoever gives up something because it was committed here has to sync it first.
///
/// Owner: any thread. All connections of the process to one database share one of these, whichever way they spelled
/// its path.
/// Invariants: what was committed before a call of `sync` is on the disk when that call succeeds, also where another
/// thread is syncing the same log. The log is synced by its name and not through a connection, as each of these is
/// another thread's; nobody's lock is on the log itself, so opening and closing it releases none.
/// Failure: transient; what was not synced is synced with the next call.
class unsynced_log {
public:
  /// The one of the database at this path, which has no symbolic link in it.
  static std::shared_ptr<unsynced_log> of(const std::filesystem::path& database, sqlite3_vfs* vfs);
  /// Syncs what this process has committed to all other databases. `own` may be null.
  static result<void> sync_all_but(const unsynced_log* own);

  unsynced_log(const std::filesystem::path& database, sqlite3_vfs* vfs)
      : path_{database.string() + "-wal"}, vfs_{vfs} {}

  /// A commit has succeeded, and whoever waits for it has not been told yet.
  void committed() noexcept { unsynced_.store(true, std::memory_order_release); }
  bool has_unsynced() const noexcept { return unsynced_.load(std::memory_order_acquire); }

private:
  result<void> sync();
  result<void> sync_file();

  const std::string path_;
  sqlite3_vfs* const vfs_;
  std::atomic<bool> unsynced_{false};
  std::mutex syncing_; // who finds nothing to sync must not go on before another has synced it
};

} // namespace weir::sqlite
