#pragma once

#include <weir/connectors/sqlite/database.hpp>
#include <weir/mailbox/resume_point.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

namespace weir::sqlite {

/// Up to where everything is settled in a partition, as sqlite::insert has stored it in the database at `path`; 0 if
/// nothing was, or there is no such file. For a source's `resume_after`.
result<std::uint64_t> stored_position(const std::filesystem::path& path, std::string_view pipeline,
                                      std::string_view partition);

/// The table `weir_positions`: how far each partition of each pipeline is settled.
/// Invariant: a position never goes back.
class positions {
public:
  /// Makes the table where it is not there.
  static result<positions> in(database& where);

  /// Stores them with whatever else is in the transaction that the caller began.
  result<void> store(std::string_view pipeline, std::span<const resume_point> points);

private:
  explicit positions(statement upsert) : upsert_{std::move(upsert)} {}

  statement upsert_;
};

} // namespace weir::sqlite
