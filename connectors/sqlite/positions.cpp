#include <weir/connectors/sqlite/positions.hpp>

#include <string>
#include <system_error>

namespace weir::sqlite {

result<std::uint64_t> stored_position(const std::filesystem::path& path, std::string_view pipeline,
                                      std::string_view partition) {
  std::error_code error;
  if (std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found)
    return 0;
  const auto layer = [&] { return "can't read the positions in '" + path.string() + "'"; };
  // Asked before anything runs, so there is no back-off of a stage to rely on.
  auto opened =
      database::open(path, {.busy_timeout = std::chrono::milliseconds{1000}, .read_only = true});
  if (!opened)
    return std::move(opened.error());

  auto table = opened->prepare(
      "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'weir_positions'");
  if (!table)
    return std::move(table.error()).within(layer());
  auto there = table->step();
  if (!there)
    return std::move(there.error()).within(layer());
  if (!*there)
    return 0;

  auto query =
      opened->prepare("SELECT position FROM weir_positions WHERE pipeline = ?1 AND lane = ?2");
  if (!query)
    return std::move(query.error()).within(layer());
  query->bind_text(1, pipeline);
  query->bind_text(2, partition);
  auto found = query->step();
  if (!found)
    return std::move(found.error()).within(layer());
  if (!*found)
    return 0;
  const auto position = query->integer(0);
  if (position < 0)
    return fatal("expected a position, found " + std::to_string(position)).within(layer());
  return static_cast<std::uint64_t>(position);
}

result<positions> positions::in(database& where) {
  if (auto made = where.execute("CREATE TABLE IF NOT EXISTS weir_positions("
                                "pipeline TEXT NOT NULL, lane TEXT NOT NULL, "
                                "position INTEGER NOT NULL, PRIMARY KEY(pipeline, lane))");
      !made)
    return std::move(made.error());
  auto upsert = where.prepare("INSERT INTO weir_positions(pipeline, lane, position) "
                              "VALUES(?1, ?2, ?3) ON CONFLICT(pipeline, lane) DO UPDATE "
                              "SET position = max(position, excluded.position)");
  if (!upsert)
    return std::move(upsert.error());
  return positions{std::move(*upsert)};
}

result<void> positions::store(std::string_view pipeline, std::span<const resume_point> points) {
  for (const auto& one : points) {
    upsert_.bind_text(1, pipeline);
    upsert_.bind_text(2, one.partition);
    upsert_.bind_integer(3, static_cast<std::int64_t>(one.position));
    if (auto stored = upsert_.run(); !stored)
      return stored;
  }
  return {};
}

} // namespace weir::sqlite
