#pragma once

#include "broker.hpp"

#include <weir/stages/source.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

/// Reads those partitions of the log that the broker lets it have.
///
/// It blocks while it opens one, as that is claimed in the position store: so it should have a thread of its own.
class log_source {
public:
  using output = record;
  static constexpr bool opens_partitions = true;

  explicit log_source(std::shared_ptr<broker> from) : broker_{std::move(from)} {}

  void on_start(weir::context& where) {
    listening_ = std::make_shared<broker::listening>(*broker_, where.source_waker());
    for (const auto id : where.partitions().all()) // of an instance that failed
      begin_reading(id, where);
  }

  weir::result<weir::source_state> poll(weir::intake<record>& in, weir::context& where) {
    take_back(where);
    if (auto followed = follow_orders(where); !followed)
      return std::move(followed.error());
    read(in);
    for (auto& [id, one] : reading_)
      if (!one.finished && one.next > last_of(one) && !where.partitions().closing(id)
          && where.partitions().settled(id) >= last_of(one))
        one.finished = broker_->finish(one.partition);
    // Where there was no room, or nothing to read, it is woken: by its partitions, or by the broker.
    return broker_->all_finished() ? weir::source_state::done : weir::source_state::wait;
  }

  void on_drain(weir::context& where) {
    listening_.reset();
    take_back(where);
  }

private:
  struct reader {
    std::size_t partition = 0;
    std::uint64_t next = 1; // position
    bool finished = false;
  };

  std::uint64_t last_of(const reader& one) const {
    return records_of(one.partition, broker_->options().records);
  }

  void begin_reading(weir::partition_id id, weir::context& where) {
    reading_[id] = {.partition = partition_of(where.partitions().name(id)),
                    .next = where.partitions().last_position(id) + 1};
  }

  void take_back(weir::context& where) {
    for (const auto& one : where.partitions().take_closed()) {
      reading_.erase(one.id);
      broker_->given_back(one);
    }
  }

  weir::result<void> follow_orders(weir::context& where) {
    const auto orders = broker_->look();
    for (const auto& [id, one] : reading_) {
      const auto& told = orders[one.partition];
      if (told.what == broker::order::close && !where.partitions().closing(id))
        where.partitions().close(id, told.by);
    }
    weir::result<void> answer;
    for (std::size_t k = 0; k < partitions_count; ++k)
      if (orders[k].what == broker::order::open)
        if (auto opened = open(k, where); !opened)
          answer = std::move(opened.error());
    return answer;
  }

  weir::result<void> open(std::size_t partition, weir::context& where) {
    auto opened = where.partitions().open(name_of(partition));
    if (!opened) {
      broker_->not_opened(partition); // which says so again
      if (opened.error().kind == weir::failure_kind::transient)
        return {};
      return std::move(opened.error());
    }
    begin_reading(*opened, where);
    broker_->opened(partition, settled_beyond(partition));
    return {};
  }

  /// What will be left out. Only for the table at the end: the pipeline knows it by itself.
  std::uint64_t settled_beyond(std::size_t partition) const {
    const auto point =
        weir::sqlite::stored_point(broker_->options().store, pipeline_name, name_of(partition));
    std::uint64_t records = 0;
    if (point && *point)
      for (const auto& range : (*point)->beyond)
        records += range.last - range.first + 1;
    return records;
  }

  /// As much as there is room for, a share of each, and another one first each time.
  void read(weir::intake<record>& in) {
    if (reading_.empty())
      return;
    const auto share = std::max<std::size_t>(in.room() / reading_.size(), 1);
    auto at = std::next(reading_.begin(), static_cast<std::ptrdiff_t>(turn_++ % reading_.size()));
    for (std::size_t k = 0; k < reading_.size(); ++k) {
      auto& [id, one] = *at;
      for (std::size_t n = 0; n < share && one.next <= last_of(one) && in.room(id) > 0; ++n) {
        in.put(record_at(one.partition, one.next), one.next, id);
        ++one.next;
      }
      if (++at == reading_.end())
        at = reading_.begin();
    }
  }

  std::shared_ptr<broker> broker_;
  std::shared_ptr<broker::listening> listening_; // null in a prototype, which so can be copied
  std::map<weir::partition_id, reader> reading_;
  std::size_t turn_ = 0;
};
