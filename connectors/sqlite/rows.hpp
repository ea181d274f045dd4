#pragma once

#include <weir/connectors/sqlite/database.hpp>

#include <cstdint>
#include <utility>

/// What a query answers, read to its end: a statement that was looked at is ready to be run again.
namespace weir::sqlite {

/// Runs a query, and shows each row until there are no more or `show` says false. A failure of `show` is its own.
template <class Show>
result<void> each_row(statement& query, Show show) {
  for (;;) {
    auto more = query.step();
    if (!more)
      return std::move(more.error());
    if (!*more)
      return {};
    if (result<bool> go_on = show(query); !go_on || !*go_on) {
      query.reset();
      if (!go_on)
        return std::move(go_on.error());
      return {};
    }
  }
}

/// Is there a row?
inline result<bool> any_row(statement& query) {
  auto there = query.step();
  query.reset();
  return there;
}

/// The first column of the first row; 0 if there is none.
inline result<std::uint64_t> one_number(statement& query) {
  auto there = query.step();
  if (!there)
    return std::move(there.error());
  const auto number = *there ? static_cast<std::uint64_t>(query.integer(0)) : 0;
  query.reset();
  return number;
}

} // namespace weir::sqlite
