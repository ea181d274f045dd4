#pragma once

#include <weir/connectors/sqlite/dead_letters.hpp>
#include <weir/connectors/sqlite/positions.hpp>
#include <weir/connectors/sqlite/table.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/sink.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace weir::sqlite {

/// A sink that stores batches as rows of a table. A batch and the positions it leads to (see stored_position)
/// are one transaction: after a crash the source goes on where the table ends, and no row is there twice.
///
/// ```
/// weir::sqlite::insert<event> store{
///     {.path = "events.db", .table = "events", .columns = {"id", "data"}, .key = "id",
///      .create = "CREATE TABLE IF NOT EXISTS events(id TEXT PRIMARY KEY, data TEXT NOT NULL)"},
///     [](const event& one, weir::sqlite::row& row) {
///       row.set("id", one.id);
///       row.set("data", one.data);
///     }};
/// events.batch("batch").to("store", store, {.retry = {.attempts = weir::unlimited},
///                                           .execution = weir::execution::own_thread});
/// ```
///
/// It blocks while it writes, so it should have a thread of its own; and a database that is busy or full is
/// nothing that gets better by giving rows up, so it should try without limit.
/// Failure: a row the table does not take is rejected alone; a repeated key is filtered; a database that is
/// busy, full or unreadable is transient for the whole batch; a corrupt or foreign one is fatal.
template <class T>
class insert {
public:
  using input = batch<T>;
  using row_function = std::function<void(const T& item, row& values)>;

  insert(table_options options, row_function fill)
      : options_{std::move(options)}, fill_{std::move(fill)} {}

  /// What would keep it from starting: for a program to ask before it runs anything. Makes the file and the
  /// table.
  result<void> check() const {
    auto opened = table_writer::open(options_);
    return opened ? result<void>{} : std::move(opened.error());
  }

  result<void> on_start(context&) {
    auto opened = open();
    // A database that is busy now is waited for with the first batch: a restart would not help.
    if (!opened && opened.error().kind == failure_kind::transient)
      return {};
    return opened;
  }

  result<batch_outcome> on_batch(const input& in, context& where) {
    if (auto opened = open(); !opened)
      return std::move(opened.error());
    return writer_->store(
        in.items.size(), [&](std::size_t index, row& values) { fill_(in.items[index], values); },
        where.pipeline(), where.resume_points());
  }

  result<void> on_drain(context& where) {
    if (auto opened = open(); !opened)
      return opened;
    return writer_->store(where.pipeline(), where.resume_points());
  }

private:
  result<void> open() {
    if (writer_)
      return {};
    auto opened = table_writer::open(options_);
    if (!opened)
      return std::move(opened.error());
    writer_ = std::make_shared<table_writer>(std::move(*opened));
    return {};
  }

  table_options options_;
  row_function fill_;
  std::shared_ptr<table_writer> writer_; // null in a prototype, which so can be copied
};

} // namespace weir::sqlite
