#include <weir/connectors/sqlite/position_rows.hpp>
#include <weir/connectors/sqlite/rows.hpp>

#include <cstdint>
#include <limits>

namespace weir::sqlite {

namespace {

/// A position has 48 bits everywhere in Weir.
constexpr auto position_max = (std::int64_t{1} << 48U) - 1;

enum class table_shape {
  missing,
  of_lanes,      ///< pipeline, lane, position
  of_partitions, ///< without the mark
  of_marks
};

result<table_shape> shape_of(database& in) {
  auto query = in.prepare("SELECT name FROM pragma_table_info('weir_positions')");
  if (!query)
    return std::move(query.error());
  auto shape = table_shape::missing;
  auto read = each_row(*query, [&shape](const statement& column) {
    if (shape == table_shape::missing)
      shape = table_shape::of_partitions;
    if (column.text(0) == "lane")
      shape = table_shape::of_lanes;
    if (column.text(0) == "digest")
      shape = table_shape::of_marks;
    return true;
  });
  if (!read)
    return std::move(read.error());
  return shape;
}

constexpr auto add_marks =
    "ALTER TABLE weir_positions ADD COLUMN marked INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE weir_positions ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE weir_positions ADD COLUMN digest INTEGER NOT NULL DEFAULT 0";

/// To one of marks. Within a transaction.
result<void> renew(database& in, table_shape from) {
  switch (from) {
  case table_shape::missing:
    return in.execute("CREATE TABLE weir_positions("
                      "pipeline TEXT NOT NULL, \"partition\" TEXT NOT NULL, "
                      "position INTEGER NOT NULL, beyond BLOB NOT NULL DEFAULT x'', "
                      "epoch INTEGER NOT NULL DEFAULT 0, marked INTEGER NOT NULL DEFAULT 0, "
                      "bytes INTEGER NOT NULL DEFAULT 0, digest INTEGER NOT NULL DEFAULT 0, "
                      "PRIMARY KEY(pipeline, \"partition\"))");
  case table_shape::of_lanes:
    return in.execute(
        std::string{"ALTER TABLE weir_positions RENAME COLUMN lane TO \"partition\";"
                    "ALTER TABLE weir_positions ADD COLUMN beyond BLOB NOT NULL DEFAULT x'';"
                    "ALTER TABLE weir_positions ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;"}
        + add_marks);
  case table_shape::of_partitions:
    return in.execute(add_marks);
  case table_shape::of_marks:
    break;
  }
  return {};
}

/// What `query` finds of a partition: position, beyond, epoch, and the mark.
result<std::optional<partition_point>> read_point(statement& query, std::string_view pipeline,
                                                  std::string_view partition) {
  query.bind_text(1, pipeline);
  query.bind_text(2, partition);
  auto found = query.step();
  if (!found)
    return std::move(found.error());
  if (!*found)
    return std::optional<partition_point>{};
  const auto position = query.integer(0);
  const auto beyond = query.text(1);
  const auto epoch = query.integer(2);
  const position_mark mark{.position = static_cast<std::uint64_t>(query.integer(3)),
                           .bytes = static_cast<std::uint64_t>(query.integer(4)),
                           .digest = static_cast<std::uint64_t>(query.integer(5))};
  query.reset();

  const auto refuse = [&](std::string_view column, const std::string& expected_and_found) {
    return fatal("the row of pipeline '" + std::string{pipeline} + "', partition '"
                 + std::string{partition} + "' in table 'weir_positions' is damaged: in column '"
                 + std::string{column} + "' expected " + expected_and_found);
  };
  if (position < 0 || position > position_max)
    return refuse("position", "a position from 0 to " + std::to_string(position_max) + ", found "
                                  + std::to_string(position));
  if (const auto marked = static_cast<std::int64_t>(mark.position);
      marked < 0 || marked > position_max)
    return refuse("marked", "a position from 0 to " + std::to_string(position_max) + ", found "
                                + std::to_string(marked));
  if (epoch < 0 || epoch == std::numeric_limits<std::int64_t>::max())
    return refuse("epoch", "the number of a claim, found " + std::to_string(epoch));
  std::optional<partition_point> point{partition_point{
      .partition = std::string{partition},
      .position = static_cast<std::uint64_t>(position),
      .epoch = static_cast<std::uint64_t>(epoch),
      .mark = mark,
  }};
  if (!ranges_from_bytes(beyond, *point))
    return refuse("beyond", "ranges of positions beyond " + std::to_string(position) + ", found "
                                + std::to_string(beyond.size()) + " bytes that are none");
  return point;
}

constexpr std::string_view find_sql =
    "SELECT position, beyond, epoch, marked, bytes, digest FROM weir_positions "
    "WHERE pipeline = ?1 AND \"partition\" = ?2";
constexpr std::string_view find_unmarked_sql =
    "SELECT position, beyond, epoch, 0, 0, 0 FROM weir_positions "
    "WHERE pipeline = ?1 AND \"partition\" = ?2";
constexpr std::string_view find_lane_sql = "SELECT position, x'', 0, 0, 0, 0 FROM weir_positions "
                                           "WHERE pipeline = ?1 AND lane = ?2";
constexpr std::string_view write_sql =
    "INSERT INTO weir_positions(pipeline, \"partition\", position, beyond, epoch, marked, bytes, "
    "digest) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(pipeline, \"partition\") DO UPDATE "
    "SET position = excluded.position, beyond = excluded.beyond, epoch = excluded.epoch, "
    "marked = excluded.marked, bytes = excluded.bytes, digest = excluded.digest";
constexpr std::string_view names_sql =
    "SELECT \"partition\" FROM weir_positions WHERE pipeline = ?1 AND \"partition\" >= ?2 "
    "AND substr(\"partition\", 1, length(?2)) = ?2";

std::string_view find_in(table_shape shape) {
  switch (shape) {
  case table_shape::of_lanes:
    return find_lane_sql;
  case table_shape::of_partitions:
    return find_unmarked_sql;
  case table_shape::missing:
  case table_shape::of_marks:
    break;
  }
  return find_sql;
}

} // namespace

result<position_rows> position_rows::in(database& where) {
  auto shape = shape_of(where);
  if (!shape)
    return std::move(shape.error());
  if (*shape != table_shape::of_marks) {
    auto changing = transaction::begin(where);
    if (!changing)
      return std::move(changing.error());
    shape = shape_of(where); // somebody else may just have renewed it
    if (!shape)
      return std::move(shape.error());
    if (auto renewed = renew(where, *shape); !renewed)
      return std::move(renewed.error());
    if (auto committed = changing->commit(); !committed)
      return std::move(committed.error());
  }
  auto find = where.prepare(find_sql);
  if (!find)
    return std::move(find.error());
  auto write = where.prepare(write_sql);
  if (!write)
    return std::move(write.error());
  auto names = where.prepare(names_sql);
  if (!names)
    return std::move(names.error());
  return position_rows{std::move(*find), std::move(*write), std::move(*names)};
}

result<std::optional<partition_point>> position_rows::look(database& in, std::string_view pipeline,
                                                           std::string_view partition) {
  auto shape = shape_of(in);
  if (!shape)
    return std::move(shape.error());
  if (*shape == table_shape::missing)
    return std::optional<partition_point>{};
  auto find = in.prepare(find_in(*shape));
  if (!find)
    return std::move(find.error());
  return read_point(*find, pipeline, partition);
}

result<void> position_rows::write(std::string_view pipeline, const partition_point& point) {
  write_.bind_text(1, pipeline);
  write_.bind_text(2, point.partition);
  write_.bind_integer(3, static_cast<std::int64_t>(point.position));
  write_.bind_blob(4, ranges_as_bytes(point));
  write_.bind_integer(5, static_cast<std::int64_t>(point.epoch));
  write_.bind_integer(6, static_cast<std::int64_t>(point.mark.position));
  write_.bind_integer(7, static_cast<std::int64_t>(point.mark.bytes));
  write_.bind_integer(8, static_cast<std::int64_t>(point.mark.digest));
  return write_.run();
}

result<std::vector<partition_point>> position_rows::known(std::string_view pipeline,
                                                          std::string_view beginning) {
  std::vector<std::string> names;
  names_.bind_text(1, pipeline);
  names_.bind_text(2, beginning);
  auto read = each_row(names_, [&names](const statement& row) {
    names.emplace_back(row.text(0));
    return true;
  });
  names_.reset();
  if (!read)
    return std::move(read.error());
  std::vector<partition_point> points;
  points.reserve(names.size());
  for (const auto& one : names) {
    auto found = read_point(find_, pipeline, one);
    if (!found)
      return std::move(found.error());
    if (*found)
      points.push_back(std::move(**found));
  }
  return points;
}

result<partition_point> position_rows::claim(std::string_view pipeline,
                                             std::string_view partition) {
  auto found = read_point(find_, pipeline, partition);
  if (!found)
    return std::move(found.error());
  auto point = *found ? std::move(**found) : partition_point{.partition = std::string{partition}};
  ++point.epoch;
  if (auto written = write(pipeline, point); !written)
    return std::move(written.error());
  return point;
}

result<std::vector<std::string>> position_rows::store(std::string_view pipeline,
                                                      std::span<const partition_point> points) {
  std::vector<std::string> fenced;
  for (const auto& one : points) {
    if (one.epoch == 0)
      continue;
    auto found = read_point(find_, pipeline, one.partition);
    if (!found)
      return std::move(found.error());
    if (!*found || (*found)->epoch != one.epoch) {
      fenced.push_back(one.partition);
      continue;
    }
    auto merged = **found;
    add_settled(merged, one);
    if (merged == **found)
      continue;
    if (auto written = write(pipeline, merged); !written)
      return std::move(written.error());
  }
  return fenced;
}

} // namespace weir::sqlite
