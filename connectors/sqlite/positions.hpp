#pragma once

#include <weir/connectors/sqlite/database.hpp>
#include <weir/connectors/sqlite/position_rows.hpp>
#include <weir/mailbox/partition_point.hpp>
#include <weir/stages/position_store.hpp>

#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::sqlite {

/// Keeps positions in the table `weir_positions` of a database, which is opened when it is first needed.
///
/// ```
/// events.positions_in(std::make_shared<weir::sqlite::positions>("events.db"));
/// ```
///
/// Where sqlite::insert writes to the same file, it stores the points with its rows. A power cut then takes both or
/// none. A point is stored only after the rows that this process has stored in other databases are on the disk: so it
/// outlives no row, also in a file of its own.
/// A claim that a power cut takes back fences nobody any more; but who had it died of the same power cut.
///
/// Failure: transient if the database is busy, full or unreadable; fatal if it can't be one, or a row in it can't
/// be one of ours.
class positions final : public position_store {
public:
  /// Waits longer for another connection's lock than a stage does: a pipeline that starts has no back-off.
  explicit positions(std::filesystem::path path,
                     open_options open = {.busy_timeout = std::chrono::milliseconds{1000}})
      : path_{std::move(path)}, open_{open} {}

  result<std::vector<partition_point>> claim(const std::string& pipeline,
                                             std::span<const std::string> partitions) override;
  result<std::vector<partition_point>> known(const std::string& pipeline,
                                             const std::string& beginning) override;
  result<std::vector<std::string>> store(const std::string& pipeline,
                                         std::span<const partition_point> points) override;
  std::string name() const override { return "sqlite '" + path_.string() + "'"; }

  const std::filesystem::path& path() const { return path_; }
  /// Is this path the same file, or will it be, once it is there?
  bool is_in(const std::filesystem::path& database) const;

private:
  struct connection {
    database where;
    position_rows rows;
  };
  /// Requires the lock.
  result<connection*> opened();

  const std::filesystem::path path_;
  const open_options open_;
  std::mutex mutex_; // of the connection
  std::optional<connection> connection_;
};

/// What is stored of a partition in the database at `path`, which is only read; nothing if nothing is, or there is no
/// such file. For tools and tests: a pipeline claims.
result<std::optional<partition_point>> stored_point(const std::filesystem::path& path,
                                                    std::string_view pipeline,
                                                    std::string_view partition);

} // namespace weir::sqlite
