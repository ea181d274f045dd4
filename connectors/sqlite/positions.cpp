#include <weir/connectors/sqlite/positions.hpp>

#include <system_error>

namespace weir::sqlite {

result<positions::connection*> positions::opened() {
  if (!connection_) {
    auto where = database::open(path_, open_);
    if (!where)
      return std::move(where.error());
    auto rows = position_rows::in(*where);
    if (!rows)
      return std::move(rows.error()).within("can't use table 'weir_positions'");
    connection_.emplace(connection{std::move(*where), std::move(*rows)});
  }
  return &*connection_;
}

result<std::vector<partition_point>> positions::claim(const std::string& pipeline,
                                                      std::span<const std::string> partitions) {
  const auto layer = [&] { return "can't claim the partitions of pipeline '" + pipeline + "'"; };
  const std::lock_guard lock{mutex_};
  auto to = opened();
  if (!to)
    return std::move(to.error()).within(layer());
  auto writing = transaction::begin((*to)->where);
  if (!writing)
    return std::move(writing.error()).within(layer());
  std::vector<partition_point> points;
  points.reserve(partitions.size());
  for (const auto& one : partitions) {
    auto point = (*to)->rows.claim(pipeline, one);
    if (!point)
      return std::move(point.error()).within(layer());
    points.push_back(std::move(*point));
  }
  if (auto committed = writing->commit(); !committed)
    return std::move(committed.error()).within(layer());
  return points;
}

result<std::vector<partition_point>> positions::known(const std::string& pipeline,
                                                      const std::string& beginning) {
  const auto layer = [&] { return "can't read the positions of pipeline '" + pipeline + "'"; };
  const std::lock_guard lock{mutex_};
  auto in = opened();
  if (!in)
    return std::move(in.error()).within(layer());
  auto points = (*in)->rows.known(pipeline, beginning);
  if (!points)
    return std::move(points.error()).within(layer());
  return points;
}

result<std::vector<std::string>> positions::store(const std::string& pipeline,
                                                  std::span<const partition_point> points) {
  const auto layer = [&] { return "can't store the positions of pipeline '" + pipeline + "'"; };
  const std::lock_guard lock{mutex_};
  auto to = opened();
  if (!to)
    return std::move(to.error()).within(layer());
  auto writing = transaction::begin((*to)->where);
  if (!writing)
    return std::move(writing.error()).within(layer());
  auto fenced = (*to)->rows.store(pipeline, points);
  if (!fenced)
    return std::move(fenced.error()).within(layer());
  if (auto committed = writing->commit_behind_others(); !committed)
    return std::move(committed.error()).within(layer());
  return fenced;
}

bool positions::is_in(const std::filesystem::path& database) const {
  std::error_code error;
  if (std::filesystem::equivalent(path_, database, error))
    return true;
  const auto told = [](const std::filesystem::path& path) {
    std::error_code none;
    // A path that is not there yet stays relative, unless it is made absolute first.
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, none), none);
  };
  const auto mine = told(path_);
  return !mine.empty() && mine == told(database);
}

result<std::optional<partition_point>> stored_point(const std::filesystem::path& path,
                                                    std::string_view pipeline,
                                                    std::string_view partition) {
  std::error_code error;
  if (std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found)
    return std::optional<partition_point>{};
  auto opened =
      database::open(path, {.busy_timeout = std::chrono::milliseconds{1000}, .read_only = true});
  if (!opened)
    return std::move(opened.error());
  auto found = position_rows::look(*opened, pipeline, partition);
  if (!found)
    return std::move(found.error()).within("can't read the positions in '" + path.string() + "'");
  return found;
}

} // namespace weir::sqlite
