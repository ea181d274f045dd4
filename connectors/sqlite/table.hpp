#pragma once

#include <weir/connectors/sqlite/database.hpp>
#include <weir/connectors/sqlite/position_rows.hpp>
#include <weir/mailbox/partition_point.hpp>
#include <weir/stages/sink.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir::sqlite {

/// The table that rows go to. Names of the table and its columns must be plain identifiers: letters, digits
/// and underscores. They belong to the program, never to its input.
struct table_options {
  std::filesystem::path path;
  std::string table;
  std::vector<std::string> columns; ///< which a row function sets
  /// The column that tells rows apart, unique in the table: a row whose key is there already is not stored
  /// again. There must be one, because after a crash the same rows may come once more.
  std::string key;
  std::string create; ///< SQL that is run at every start: CREATE TABLE IF NOT EXISTS …
  open_options open = {};
};

/// The values of one row. A column that is not set is null; a row without its key is rejected. Values are bound,
/// so they may hold anything: text is stored as the bytes it is, also with NUL bytes in it.
class row {
public:
  void set(std::string_view column, std::string_view text);
  void set(std::string_view column, std::nullptr_t);
  template <std::integral Number>
  void set(std::string_view column, Number value) {
    if constexpr (std::is_unsigned_v<Number> && sizeof(Number) == sizeof(std::int64_t))
      if (value > static_cast<Number>(std::numeric_limits<std::int64_t>::max()))
        return out_of_range(column);
    set_integer(column, static_cast<std::int64_t>(value));
  }
  template <std::floating_point Number>
  void set(std::string_view column, Number value) {
    set_real(column, static_cast<double>(value));
  }
  template <class Value>
  void set(std::string_view column, const std::optional<Value>& value) {
    if (value)
      set(column, *value);
    else
      set(column, nullptr);
  }
  void set_blob(std::string_view column, std::string_view bytes);

private:
  friend class table_writer;
  row(statement& into, const table_options& options) : into_{into}, options_{options} {}

  void set_integer(std::string_view column, std::int64_t value);
  void set_real(std::string_view column, double value);
  void out_of_range(std::string_view column);
  /// Of the column; 0 if there is none, which is noted.
  int parameter(std::string_view column, bool to_null = false);
  void clear();

  statement& into_;
  const table_options& options_;
  bool has_key_ = false;
  std::optional<failure> wrong_;
};

/// Writes rows and points, each batch as one transaction. What sqlite::insert does, without the types.
class table_writer {
public:
  static result<table_writer> open(table_options options);

  /// Sets the values of the row with this index. What it throws rejects that row.
  using fill_row = std::function<void(std::size_t index, row& values)>;

  /// The points that a batch leads to, if all its rows are stored but for these: their indices, ascending.
  using points_without =
      std::function<std::vector<partition_point>(std::span<const std::size_t> rejected)>;

  /// Stores `count` rows and the points, or nothing. A row that the table does not take is rejected, the others are
  /// stored. The points are asked for once that is known, so that they leave open what is rejected: its dead letter
  /// is not stored yet. Without `points`, rows alone are stored.
  /// If somebody else has claimed a partition of the points, nothing is stored, and the outcome names it.
  result<batch_outcome> store(std::size_t count, const fill_row& fill, std::string_view pipeline,
                              const points_without& points);

private:
  table_writer(table_options options, database where, statement insert)
      : options_{std::move(options)}, database_{std::move(where)}, insert_{std::move(insert)} {}

  /// Not in a transaction: what is made in one may be rolled back.
  result<void> open_positions();

  /// True if it is stored, false if its key was there already.
  result<bool> store_row(std::size_t index, const fill_row& fill, row& values);

  table_options options_;
  database database_;
  statement insert_;
  std::optional<position_rows> positions_; // once points are stored
};

} // namespace weir::sqlite
