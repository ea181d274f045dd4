#include <weir/connectors/sqlite/unsynced_log.hpp>

#include <cstddef>
#include <map>
#include <new>
#include <system_error>
#include <vector>

#include <sqlite3.h>

namespace weir::sqlite {

namespace {

struct known_logs {
  std::mutex lock;
  std::map<std::string, std::shared_ptr<unsynced_log>> by_path; // guarded by lock
};

known_logs& known() {
  static known_logs all;
  return all;
}

/// A file that SQLite's own system layer has opened, so that it is synced as SQLite syncs.
class open_log {
public:
  open_log(const std::string& path, sqlite3_vfs* vfs)
      : name_{sqlite3_create_filename(path.c_str(), "", "", 0, nullptr)},
        file_(static_cast<std::size_t>(vfs->szOsFile)) {
    if (name_ != nullptr)
      opened_ = vfs->xOpen(vfs, name_, get(), SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE, nullptr);
  }
  open_log(const open_log&) = delete;
  open_log& operator=(const open_log&) = delete;
  ~open_log() {
    if (name_ != nullptr && get()->pMethods != nullptr)
      get()->pMethods->xClose(get());
    sqlite3_free_filename(name_);
  }

  int sync() {
    return opened_ != SQLITE_OK ? opened_ : get()->pMethods->xSync(get(), SQLITE_SYNC_NORMAL);
  }

private:
  sqlite3_file* get() { return reinterpret_cast<sqlite3_file*>(file_.data()); }

  const char* name_;
  std::vector<std::byte> file_; // as large as the system layer wants it; new aligns it for anything
  int opened_ = SQLITE_NOMEM;
};

} // namespace

std::shared_ptr<unsynced_log> unsynced_log::of(const std::filesystem::path& database,
                                               sqlite3_vfs* vfs) {
  auto& all = known();
  const std::lock_guard guard{all.lock};
  // A log that nobody has open, and that holds nothing unsynced, is nobody's concern any more.
  std::erase_if(all.by_path, [](const auto& one) {
    return one.second.use_count() == 1 && !one.second->has_unsynced();
  });
  auto& one = all.by_path[database.string()];
  if (!one)
    one = std::make_shared<unsynced_log>(database, vfs);
  return one;
}

result<void> unsynced_log::sync_all_but(const unsynced_log* own) {
  std::vector<std::shared_ptr<unsynced_log>> logs;
  {
    auto& all = known();
    const std::lock_guard guard{all.lock};
    for (const auto& [path, one] : all.by_path)
      if (one.get() != own)
        logs.push_back(one);
  }
  for (const auto& one : logs)
    if (auto synced = one->sync(); !synced)
      return synced;
  return {};
}

result<void> unsynced_log::sync() {
  const std::lock_guard guard{syncing_};
  if (!unsynced_.exchange(false, std::memory_order_acq_rel))
    return {};
  auto done = sync_file();
  if (!done)
    committed();
  return done;
}

result<void> unsynced_log::sync_file() {
  std::error_code error;
  // The last connection that is closed has synced the log into the database, and removed it.
  if (!std::filesystem::exists(path_, error) && !error)
    return {};
  if (const int code = open_log{path_, vfs_}.sync(); code != SQLITE_OK)
    return transient(std::string{sqlite3_errstr(code)} + " (SQLite error " + std::to_string(code)
                     + ")")
        .within("can't sync '" + path_ + "'");
  return {};
}

} // namespace weir::sqlite
