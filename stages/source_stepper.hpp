#pragma once

#include <weir/mailbox/partition.hpp>
#include <weir/stages/intake.hpp>
#include <weir/stages/outlet.hpp>
#include <weir/stages/product.hpp>
#include <weir/stages/source.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace weir {

/// The loop around a source: what it reads goes into the first mailboxes, as far as they and its partition have room.
template <class S>
class source_stepper final : public stepper {
  using source = product_t<S>;
  using Out = typename source::output;

public:
  source_stepper(const ports& where, S prototype, std::uint32_t partition)
      : prototype_{std::move(prototype)}, out_{where.out.front()}, partition_{partition} {}

  result<void> rebuild(context& where) override {
    source_.reset();
    source_.emplace(product<S>::make(prototype_));
    return started(*source_, where);
  }

  slice_result step(std::size_t budget, worker& self) override {
    if (!out_.flush())
      return without_credit();
    auto& partition = self.books().partition_at(partition_);
    if ((done_ && !deferred_) || self.where().stopping().stop_requested())
      return end_of_stream();
    if (budget == 0)
      return {};
    if (auto wait = without_positions(budget, partition, self))
      return std::move(*wait);
    auto* const single = out_.single();
    budget = std::min(budget, single != nullptr ? single->credit(budget) : out_.room(budget));
    if (budget == 0)
      return without_credit();
    auto deferred = std::exchange(deferred_, std::nullopt);
    if (deferred) // nothing is in flight: the partition can begin anew there
      partition.jump_to(deferred->second);
    intake<Out> in{self.books(), partition_, partition.last_admitted(), budget, single,
                   out_,         deferred_};
    if (deferred)
      in.put(std::move(deferred->first));
    const auto said = in.room() > 0 ? poll(in, self) : source_state::more;
    commit(in, self); // also what was put before a failure
    self.last_put = deferred_ ? deferred_->second : in.last();
    if (!said)
      return failed_with(said.error(), in.items());
    switch (*said) {
    case source_state::more:
      break;
    case source_state::wait:
      return {.what = in.items() > 0 ? slice_result::state::again : slice_result::state::waiting,
              .items = in.items()};
    case source_state::done:
      done_ = true;
      break;
    }
    return {.items = in.items()};
  }

  void blocked_on(std::vector<ring_base*>& rings) const override { out_.blocked_on(rings); }
  bool ends_on_drain() const override { return true; }

private:
  /// Lowers the budget to the positions that the partition has room for. Returns what is to be done if it has none.
  std::optional<slice_result> without_positions(std::size_t& budget, partition& of, worker& self) {
    const auto positions_left = origin::position_max - of.last_admitted();
    if (positions_left == 0)
      return failed_with(fatal(beyond_positions(origin::position_max + 1)), 0);
    budget = static_cast<std::size_t>(std::min<std::uint64_t>({budget, of.room(), positions_left}));
    if (budget == 0)
      return until_settled(of.call_when_settled(self), self);
    if (deferred_ && of.prefix() < of.last_admitted())
      return until_settled(of.call_when_settled(self, deferred_->second), self);
    return std::nullopt;
  }
  /// Unless it will be `called`, it looks again at once.
  static slice_result until_settled(bool called, worker& self) {
    return {.what = slice_result::state::waiting,
            .until = called ? std::nullopt : std::optional{self.now()},
            .time = waiting_as::blocked};
  }

  result<source_state> poll(intake<Out>& in, worker& self) {
    try {
      return source_->poll(in, self.where());
    } catch (...) {
      return describe_current_exception();
    }
  }

  void commit(intake<Out>& in, worker& self) {
    if (in.items() == 0)
      return;
    in.admit_run();
    self.books().admitted(in.items());
    if (auto* single = out_.single(); single != nullptr)
      single->publish(in.items());
    else
      out_.publish();
  }

  slice_result end_of_stream() {
    out_.close();
    return {.what = slice_result::state::finished};
  }

  S prototype_;
  std::optional<source> source_;
  outlet<Out> out_;
  const std::uint32_t partition_;
  typename intake<Out>::deferred_item deferred_; // an item far behind the last one
  bool done_ = false;
};

} // namespace weir
