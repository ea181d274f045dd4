#pragma once

#include <weir/connectors/sqlite/dead_letters.hpp>
#include <weir/connectors/sqlite/positions.hpp>
#include <weir/connectors/sqlite/table.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/position_store.hpp>
#include <weir/stages/sink.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>

namespace weir::sqlite {

/// A sink that stores batches as rows of a table. If the pipeline keeps its positions in the same file (see
/// sqlite::positions), a batch and the points it leads to are one transaction: after a crash the source goes on where
/// the table ends, and no row is there twice.
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
/// events.positions_in(std::make_shared<weir::sqlite::positions>("events.db"));
/// ```
///
/// It blocks while it writes, so it should have a thread of its own; and a database that is busy or full is
/// nothing that gets better by giving rows up, so it should try without limit.
/// Failure: a row the table does not take is rejected alone; a repeated key is filtered; a database that is
/// busy, full or unreadable is transient for the whole batch; a corrupt or foreign one is fatal. If another one has
/// claimed a partition of the points, nothing is stored and the outcome names it.
template <class T>
class insert {
public:
  using input = batch<T>;
  using row_function = std::function<void(const T& item, row& values)>;
  /// Rows are told apart by their key: one that comes again is not stored again.
  static constexpr bool idempotent = true;

  insert(table_options options, row_function fill)
      : options_{std::move(options)}, fill_{std::move(fill)} {}

  /// What would keep it from starting: for a program to ask before it runs anything. Makes the file and the
  /// table.
  result<void> check() const {
    auto opened = table_writer::open(options_);
    return opened ? result<void>{} : std::move(opened.error());
  }

  /// Does it store points that are kept there, in the transaction of their rows? The path is enough to tell.
  bool stores_points_in(const position_store& store) const {
    const auto* points = dynamic_cast<const positions*>(&store);
    return points != nullptr && points->is_in(options_.path);
  }

  result<void> on_start(context& where) {
    auto opened = open(where);
    // A database that is busy now is waited for with the first batch: a restart would not help.
    if (!opened && opened.error().kind == failure_kind::transient)
      return {};
    return opened;
  }

  result<batch_outcome> on_batch(const input& in, context& where) {
    if (auto opened = open(where); !opened)
      return std::move(opened.error());
    table_writer::points_without points;
    if (stores_points_)
      points = [&where](std::span<const std::size_t> rejected) { return where.points(rejected); };
    return writer_->store(
        in.items.size(), [&](std::size_t index, row& values) { fill_(in.items[index], values); },
        where.pipeline(), points);
  }

private:
  result<void> open(context& where) {
    if (writer_)
      return {};
    auto opened = table_writer::open(options_);
    if (!opened)
      return std::move(opened.error());
    const auto* const store = where.positions();
    stores_points_ = store != nullptr && stores_points_in(*store);
    writer_ = std::make_shared<table_writer>(std::move(*opened));
    return {};
  }

  table_options options_;
  row_function fill_;
  std::shared_ptr<table_writer> writer_; // null in a prototype, which so can be copied
  bool stores_points_ = false;           // known once there is a writer
};

} // namespace weir::sqlite
