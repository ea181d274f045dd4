#include <weir/connectors/sqlite/table.hpp>

#include <algorithm>
#include <new>

namespace weir::sqlite {

namespace {

bool is_identifier(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name.front())
         && std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

result<void> validate(const table_options& options) {
  const auto refuse = [](std::string_view what, const std::string& name) {
    return fatal(std::string{what} + " must be a name of letters, digits and underscores; found '"
                 + name + "'");
  };
  if (!is_identifier(options.table))
    return refuse("the table", options.table);
  if (options.columns.empty())
    return fatal("table '" + options.table + "' has no columns to set");
  for (auto column = options.columns.begin(); column != options.columns.end(); ++column) {
    if (!is_identifier(*column))
      return refuse("a column of table '" + options.table + "'", *column);
    if (std::find(options.columns.begin(), column, *column) != column)
      return fatal("table '" + options.table + "' has column '" + *column + "' twice");
  }
  if (std::ranges::find(options.columns, options.key) == options.columns.end())
    return fatal("the key of table '" + options.table + "' must be one of its columns; found '"
                 + options.key + "'");
  return {};
}

/// INSERT INTO "t"("a","b") VALUES(?1,?2) ON CONFLICT("a") DO NOTHING
std::string insert_sql(const table_options& options) {
  std::string columns;
  std::string values;
  for (std::size_t k = 0; k < options.columns.size(); ++k) {
    columns += (k > 0 ? ",\"" : "\"") + options.columns[k] + "\"";
    values += (k > 0 ? ",?" : "?") + std::to_string(k + 1);
  }
  return "INSERT INTO \"" + options.table + "\"(" + columns + ") VALUES(" + values
         + ") ON CONFLICT(\"" + options.key + "\") DO NOTHING";
}

} // namespace

// --- row ---------------------------------------------------------------------------------------------

int row::parameter(std::string_view column, bool to_null) {
  const auto found = std::ranges::find(options_.columns, column);
  if (found == options_.columns.end()) {
    // The program's fault, not the row's: to reject one row after the other would help nobody.
    wrong_ = fatal("the row function sets column '" + std::string{column}
                   + "', which is not among the columns of table '" + options_.table + "'");
    return 0;
  }
  if (column == options_.key)
    has_key_ = !to_null;
  return static_cast<int>(found - options_.columns.begin()) + 1;
}

void row::set(std::string_view column, std::string_view text) {
  if (const int at = parameter(column); at > 0)
    into_.bind_text(at, text);
}

void row::set(std::string_view column, std::nullptr_t) {
  if (const int at = parameter(column, true); at > 0)
    into_.bind_null(at);
}

void row::set_blob(std::string_view column, std::string_view bytes) {
  if (const int at = parameter(column); at > 0)
    into_.bind_blob(at, bytes);
}

void row::set_integer(std::string_view column, std::int64_t value) {
  if (const int at = parameter(column); at > 0)
    into_.bind_integer(at, value);
}

void row::set_real(std::string_view column, double value) {
  if (const int at = parameter(column); at > 0)
    into_.bind_real(at, value);
}

void row::out_of_range(std::string_view column) {
  if (parameter(column) > 0 && !wrong_)
    wrong_ = poison("the value of column '" + std::string{column}
                    + "' is beyond SQLite's integers (64 bits, signed)");
}

void row::clear() {
  into_.clear();
  has_key_ = false;
  wrong_.reset();
}

// --- table_writer ------------------------------------------------------------------------------------

result<table_writer> table_writer::open(table_options options) {
  if (auto valid = validate(options); !valid)
    return std::move(valid.error());
  auto opened = database::open(options.path, options.open);
  if (!opened)
    return std::move(opened.error());
  const auto layer = [&] { return "can't use table '" + options.table + "'"; };
  if (auto made = opened->execute(options.create); !made)
    return std::move(made.error()).within("the SQL that creates it fails").within(layer());
  auto insert = opened->prepare(insert_sql(options));
  if (!insert)
    return std::move(insert.error()).within(layer());
  return table_writer{std::move(options), std::move(*opened), std::move(*insert)};
}

result<void> table_writer::open_positions() {
  if (positions_)
    return {};
  auto rows = position_rows::in(database_);
  if (!rows)
    return std::move(rows.error());
  positions_.emplace(std::move(*rows));
  return {};
}

result<bool> table_writer::store_row(std::size_t index, const fill_row& fill, row& values) {
  values.clear();
  try {
    fill(index, values);
  } catch (const std::bad_alloc&) {
    throw; // not this row's fault
  } catch (...) {
    auto why = describe_current_exception().within("the row function failed");
    why.kind = failure_kind::poison;
    return why;
  }
  if (values.wrong_)
    return std::move(*values.wrong_);
  if (!values.has_key_)
    return poison("the row has no key: column '" + options_.key + "' is null");
  if (auto done = insert_.run(); !done)
    return std::move(done.error());
  return database_.changes() > 0;
}

result<batch_outcome> table_writer::store(std::size_t count, const fill_row& fill,
                                          std::string_view pipeline, const points_without& points) {
  const auto layer = [&] { return "can't store rows in table '" + options_.table + "'"; };
  if (points)
    if (auto there = open_positions(); !there)
      return std::move(there.error()).within(layer());
  auto writing = transaction::begin(database_);
  if (!writing)
    return std::move(writing.error()).within(layer());
  batch_outcome outcome;
  row values{insert_, options_};
  for (std::size_t index = 0; index < count; ++index) {
    auto stored = store_row(index, fill, values);
    if (stored) {
      if (!*stored)
        outcome.filtered.push_back(index);
      continue;
    }
    if (stored.error().kind != failure_kind::poison)
      return std::move(stored.error()).within(layer());
    if (!database_.in_transaction())
      return fatal("the table's own rules roll the whole transaction back for one row: "
                   + stored.error().message())
          .within(layer());
    outcome.rejected.push_back({index, std::move(stored.error()).within(layer())});
  }
  values.clear(); // a copy of a large last row need not stay
  if (points) {
    std::vector<std::size_t> rejected;
    for (const auto& one : outcome.rejected)
      rejected.push_back(one.index);
    auto fenced = positions_->store(pipeline, points(rejected));
    if (!fenced)
      return std::move(fenced.error()).within(layer());
    if (!fenced->empty())
      return batch_outcome{.filtered = {}, .rejected = {}, .fenced = std::move(*fenced)};
  }
  // A position waits for all sinks: it rests on what others have stored elsewhere, too.
  auto committed = points ? writing->commit_behind_others() : writing->commit();
  if (!committed)
    return std::move(committed.error()).within(layer());
  return outcome;
}

} // namespace weir::sqlite
