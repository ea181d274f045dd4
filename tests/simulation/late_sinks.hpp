#pragma once

#include "late_calls.hpp"
#include "stages.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

/// Sinks that settle later.
namespace simulation {

/// What both have in common: a place among the calls that are not settled, from the start to the end of the sink.
struct late_port : store_port {
  explicit late_port(store_port of) : store_port{std::move(of)} {}

  weir::result<void> on_start(weir::context& where) {
    me_ = std::make_shared<const member>(*in, in->late.begins(at, where.worker_index()));
    return store_port::on_start(where);
  }
  /// Every other one settles what it was given.
  void flush(weir::context&) const {
    if (me_->id.life % 2 == 0)
      in->late.settle_all(me_->id);
  }

protected:
  /// Takes the call, or says why not, with the oracle looking on.
  template <class Take>
  weir::result<void> take(const thing& first, weir::context& where, Take into) {
    in->watch.run_begins(at, where.worker_index(), first);
    if (in->drawn.held_max_at(at) > 0)
      in->keys.run_begins(at, first);
    std::optional<weir::failure> why;
    try {
      in->rate_used(at, now_ns());
      why = before();
      if (!why)
        why = trouble(*in);
    } catch (...) {
      const auto thrown = weir::fatal("thrown");
      in->watch.run_ends(at, first, &thrown);
      throw;
    }
    if (why) {
      in->watch.run_ends(at, first, &*why);
      return std::move(*why);
    }
    late_calls::call one = into();
    one.whose = me_->id;
    one.began = where.now();
    one.never = in->drawn.options_at(at).timeout.count() > 0 && in->faults.fires(fault::late_never);
    in->late.add(std::move(one));
    return {};
  }

private:
  struct member {
    world& in;
    late_calls::sink_id id;
    member(world& where, late_calls::sink_id which) : in{where}, id{which} {}
    member(const member&) = delete;
    member& operator=(const member&) = delete;
    ~member() { in.late.ends(id); }
  };
  std::shared_ptr<const member> me_; // null in the prototype
};

struct late_item_sink : late_port {
  using input = thing;
  using late_port::late_port;

  weir::result<void> on_item(const thing& one, weir::settlement token, weir::context& where) {
    return take(one, where, [&] {
      return late_calls::call{.whose = {},
                              .items = {one},
                              .rows = {row_of(one)},
                              .points = where.points(),
                              .token = std::move(token)};
    });
  }
};

struct late_batch_sink : late_port {
  using input = weir::batch<thing>;
  using late_port::late_port;

  weir::result<void> on_batch(const input& all, weir::settlement token, weir::context& where) {
    in->watch.batch_seen(at, all, in->drawn.sink_at(at).batch);
    if (in->drawn.shares_batches)
      in->faults.came_about(event::batch_shared);
    return take(all.items.front(), where, [&] {
      weir::batch_outcome outcome;
      std::vector<thing> rows;
      std::vector<std::size_t> rejected;
      for (std::size_t k = 0; k < all.items.size(); ++k) {
        if (in->faults.fires(fault::sink_rejects_a_row)) {
          outcome.rejected.push_back({k, weir::poison("the row is refused")});
          rejected.push_back(k);
        } else {
          rows.push_back(row_of(all.items[k]));
        }
      }
      return late_calls::call{.whose = {},
                              .items = all.items,
                              .rows = std::move(rows),
                              .points = where.points(rejected),
                              .outcome = std::move(outcome),
                              .token = std::move(token)};
    });
  }
};

} // namespace simulation
