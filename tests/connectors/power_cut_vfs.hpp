#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sqlite3.h>

/// A power cut for SQLite: a system layer that lets everything through to the real one, and writes down after every step
/// what would be on the disk if the power went then.
namespace weir::sqlite_tests {

/// The files of a folder, each as what is on the disk and as what was written.
class disk {
public:
  struct file {
    std::string synced;
    std::string written;
    bool operator==(const file&) const = default;
  };
  using state = std::map<std::string, file>; // by name

  static disk& instance() {
    static disk only;
    return only;
  }

  /// Writes down what happens in this folder, from now on.
  void watch(const std::filesystem::path& folder) {
    const std::lock_guard guard{lock_};
    folder_ = folder;
    now_.clear();
    steps_.clear();
    for (const auto& one : std::filesystem::directory_iterator{folder})
      if (is_watched(one.path())) {
        const auto content = content_of(one.path());
        now_[one.path().filename()] = {content, content};
      }
  }
  /// What there was after each step.
  std::vector<state> stop() {
    const std::lock_guard guard{lock_};
    folder_.clear();
    return std::exchange(steps_, {});
  }

  void wrote(const std::string& path) {
    step(path, [&](state& all, const std::string& name) { all[name].written = content_of(path); });
  }
  void synced(const std::string& path) {
    step(path, [&](state& all, const std::string& name) {
      const auto content = content_of(path);
      all[name] = {content, content};
    });
  }
  void removed(const std::string& path) {
    step(path, [&](state& all, const std::string& name) { all.erase(name); });
  }

private:
  static std::string content_of(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream{path, std::ios::binary}.rdbuf();
    return std::move(text).str();
  }
  bool is_watched(const std::filesystem::path& path) const {
    return !folder_.empty() && path.parent_path() == folder_ && path.extension() != ".db-shm"
           && path.extension() != ".db-claims";
  }
  template <class Change>
  void step(const std::string& path, Change change) {
    const std::lock_guard guard{lock_};
    if (!is_watched(path))
      return;
    change(now_, std::filesystem::path{path}.filename());
    if (steps_.empty() || steps_.back() != now_)
      steps_.push_back(now_);
  }

  std::mutex lock_; // guards what follows
  std::filesystem::path folder_;
  state now_;
  std::vector<state> steps_;
};

/// What a power cut leaves: of the files whose names begin with `luck`, all that was written, of others what was synced.
inline std::map<std::string, std::string> left_by_cut(const disk::state& at,
                                                      const std::string& luck) {
  std::map<std::string, std::string> left;
  for (const auto& [name, one] : at)
    left[name] = name.starts_with(luck) ? one.written : one.synced;
  return left;
}

inline void make_files(const std::map<std::string, std::string>& files,
                       const std::filesystem::path& into) {
  std::filesystem::remove_all(into);
  std::filesystem::create_directory(into);
  for (const auto& [name, content] : files)
    std::ofstream{into / name, std::ios::binary} << content;
}

namespace power_cut {

struct file {
  sqlite3_file base;
  std::string* path; // null: a temporary file
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

inline sqlite3_vfs* real_vfs = nullptr;

inline sqlite3_file* real(sqlite3_file* one) { return reinterpret_cast<file*>(one)->real(); }
inline const std::string* path(sqlite3_file* one) { return reinterpret_cast<file*>(one)->path; }

inline const sqlite3_io_methods methods{
    .iVersion = 2,
    .xClose =
        [](sqlite3_file* f) {
          auto* const one = reinterpret_cast<file*>(f);
          const int code = one->real()->pMethods->xClose(one->real());
          delete one->path;
          return code;
        },
    .xRead = [](sqlite3_file* f, void* to, int size,
                sqlite3_int64 at) { return real(f)->pMethods->xRead(real(f), to, size, at); },
    .xWrite =
        [](sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
          const int code = real(f)->pMethods->xWrite(real(f), from, size, at);
          if (path(f) != nullptr)
            disk::instance().wrote(*path(f));
          return code;
        },
    .xTruncate =
        [](sqlite3_file* f, sqlite3_int64 size) {
          const int code = real(f)->pMethods->xTruncate(real(f), size);
          if (path(f) != nullptr)
            disk::instance().wrote(*path(f));
          return code;
        },
    .xSync =
        [](sqlite3_file* f, int flags) {
          const int code = real(f)->pMethods->xSync(real(f), flags);
          if (path(f) != nullptr)
            disk::instance().synced(*path(f));
          return code;
        },
    .xFileSize = [](sqlite3_file* f,
                    sqlite3_int64* size) { return real(f)->pMethods->xFileSize(real(f), size); },
    .xLock = [](sqlite3_file* f, int how) { return real(f)->pMethods->xLock(real(f), how); },
    .xUnlock = [](sqlite3_file* f, int how) { return real(f)->pMethods->xUnlock(real(f), how); },
    .xCheckReservedLock =
        [](sqlite3_file* f, int* out) {
          return real(f)->pMethods->xCheckReservedLock(real(f), out);
        },
    .xFileControl = [](sqlite3_file* f, int what,
                       void* with) { return real(f)->pMethods->xFileControl(real(f), what, with); },
    .xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); },
    .xDeviceCharacteristics =
        [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); },
    .xShmMap =
        [](sqlite3_file* f, int page, int size, int extend, void volatile** to) {
          return real(f)->pMethods->xShmMap(real(f), page, size, extend, to);
        },
    .xShmLock = [](sqlite3_file* f, int at, int count,
                   int flags) { return real(f)->pMethods->xShmLock(real(f), at, count, flags); },
    .xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); },
    .xShmUnmap = [](sqlite3_file* f,
                    int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); },
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

} // namespace power_cut

/// While it lives, SQLite's files are opened through the layer that writes down.
class power_cut_vfs {
public:
  power_cut_vfs() {
    power_cut::real_vfs = sqlite3_vfs_find(nullptr);
    auto& layer = vfs();
    layer = *power_cut::real_vfs;
    layer.zName = "power-cut";
    layer.pNext = nullptr;
    layer.szOsFile += static_cast<int>(sizeof(power_cut::file));
    layer.xOpen = [](sqlite3_vfs*, const char* name, sqlite3_file* f, int flags, int* out) {
      auto* const one = new (f) power_cut::file{};
      const int code =
          power_cut::real_vfs->xOpen(power_cut::real_vfs, name, one->real(), flags, out);
      if (code != SQLITE_OK)
        return code;
      one->path = name != nullptr ? new std::string{name} : nullptr;
      one->base.pMethods = &power_cut::methods;
      return code;
    };
    layer.xDelete = [](sqlite3_vfs*, const char* name, int sync) {
      const int code = power_cut::real_vfs->xDelete(power_cut::real_vfs, name, sync);
      disk::instance().removed(name);
      return code;
    };
    sqlite3_vfs_register(&layer, 1);
  }
  power_cut_vfs(const power_cut_vfs&) = delete;
  ~power_cut_vfs() {
    sqlite3_vfs_register(power_cut::real_vfs, 1);
    sqlite3_vfs_unregister(&vfs());
  }

private:
  static sqlite3_vfs& vfs() { // a log may be synced later than the last connection to it was open
    static sqlite3_vfs layer{};
    return layer;
  }
};

} // namespace weir::sqlite_tests
