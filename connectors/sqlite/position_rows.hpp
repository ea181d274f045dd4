#pragma once

#include <weir/connectors/sqlite/database.hpp>
#include <weir/mailbox/partition_point.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::sqlite {

/// The table `weir_positions`: for each partition of each pipeline, how far it is settled and who claimed it last.
///
/// Owner: one thread at a time; what it says and does is the caller's transaction's.
/// Invariants: a position never goes back, and an epoch only goes up.
/// Failure: as of a statement; fatal, with the partition, if a row can't be one of ours.
class position_rows {
public:
  /// Makes the table where it is not there, and renews an older one, whose partitions were called lanes or
  /// have no marks. In a transaction of its
  /// own, so it must be called outside of any; none where there is nothing to do.
  static result<position_rows> in(database& where);

  /// The point of a partition, in a database that need not have the table. Changes nothing.
  static result<std::optional<partition_point>> look(database& in, std::string_view pipeline,
                                                     std::string_view partition);

  /// The points of the partitions whose names begin so. Changes nothing.
  result<std::vector<partition_point>> known(std::string_view pipeline, std::string_view beginning);

  /// The partition's point, under an epoch that it never had before.
  result<partition_point> claim(std::string_view pipeline, std::string_view partition);

  /// Adds the points to those of the same epoch. Answers the partitions of which there is none: they are as they
  /// were. A point without an epoch is left out.
  result<std::vector<std::string>> store(std::string_view pipeline,
                                         std::span<const partition_point> points);

private:
  position_rows(statement find, statement write, statement names)
      : find_{std::move(find)}, write_{std::move(write)}, names_{std::move(names)} {}

  result<void> write(std::string_view pipeline, const partition_point& point);

  statement find_;
  statement write_;
  statement names_;
};

} // namespace weir::sqlite
