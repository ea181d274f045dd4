#pragma once

#include <weir/dead_letters/dead_letter_queue.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace weir::sqlite {

/// A filter of dead letters as SQL: a condition on the columns of the table `dead_letters`, and the values of its
/// parameters. It knows no database: who runs the text binds the values.
///
/// Owner: one thread.
/// Invariant: the text has as many "?" as there are values, in their order. What somebody has typed is always a
/// value, never a part of the text.
class letter_filter_sql {
public:
  using value = std::variant<std::string, std::int64_t>;

  /// The filter's limit does not count: it is an argument of what limits.
  explicit letter_filter_sql(const dead_letter_filter& filter);

  /// Adds a condition without values.
  void and_also(const char* sql);
  /// Leaves out what is not behind the cursor, in the order of keys and arrival.
  void behind(const dead_letter_cursor& cursor);

  /// " WHERE … ORDER BY … LIMIT …"; 0: without a limit.
  std::string where(std::uint64_t limit) const;
  /// "id IN (SELECT …)": true of the first so many letters that the filter lets through; 0: of all.
  std::string chosen(std::uint64_t limit) const;
  const std::vector<value>& values() const noexcept { return values_; }

private:
  void equal(const char* name, const std::string& is);
  void add(const std::string& sql, value one);

  std::string sql_ = "1";
  std::vector<value> values_;
};

} // namespace weir::sqlite
