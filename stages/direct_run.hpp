#pragma once

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/batched_settlement.hpp>
#include <weir/mailbox/ring.hpp>
#include <weir/stages/product.hpp>
#include <weir/stages/stage_call.hpp>
#include <weir/stages/stage_shape.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace weir::internal {

/// Runs items straight from the slots of one ring into those of another: the loop of a stage function that makes at
/// most one output of an item. Neither ring's cursors move.
template <class F>
class direct_run {
  using stage = product_t<F>;
  using shape = stage_shape<stage>;
  using In = typename shape::input;
  using Out = typename shape::output;
  using calls = stage_call<F, shape::moves_item>;

public:
  struct ran {
    std::size_t done = 0; ///< items finished
    std::size_t made = 0; ///< outputs written
    std::optional<failure> failed{};
  };

  /// `count` items are there, in one piece of memory, and so much credit.
  static ran of(stage& one, ring<In>& from, ring<Out>& to, std::size_t count, worker& self) {
    if constexpr (!shape::returns::may_fail && !shape::returns::filters)
      return one_to_one(one, from, to, count, self);
    else
      return one_to_any(one, from, to, count, self);
  }

private:
  /// Each item leads to exactly one output, unless the function throws.
  static ran one_to_one(stage& one, ring<In>& from, ring<Out>& to, std::size_t count,
                        worker& self) {
    In* const source = from.value(from.read_index());
    Out* const destination = to.value(to.write_index());
    const origin* const source_origin = &from.from(from.read_index());
    origin* const destination_origin = &to.from(to.write_index());
    std::size_t done = 0;
    std::optional<failure> failed;
    auto in_hand = self.hands().in_turns();
    try {
      while (done < count && !self.aborted()) {
        // No look at anything else in here, so that the loop stays what the function costs.
        const auto end = std::min(count, done + at_a_stretch);
        if (!in_hand)
          for (; done < end; ++done)
            std::construct_at(destination + done, calls::direct(one, source[done], self.where()));
        else
          for (; done < end; ++done) {
            in_hand.take(source_origin[done]);
            std::construct_at(destination + done, calls::direct(one, source[done], self.where()));
          }
      }
    } catch (...) {
      failed = describe_current_exception();
    }
    std::copy_n(source_origin, done, destination_origin);
    return {done, done, std::move(failed)};
  }

  /// An item may lead to no output, or to a failure.
  static ran one_to_any(stage& one, ring<In>& from, ring<Out>& to, std::size_t count,
                        worker& self) {
    In* const source = from.value(from.read_index());
    Out* const destination = to.value(to.write_index());
    const origin* const source_origin = &from.from(from.read_index());
    origin* const destination_origin = &to.from(to.write_index());
    std::size_t done = 0;
    std::size_t made = 0;
    std::optional<failure> failed;
    auto in_hand = self.hands().in_turns();
    batched_settlement filtered{self.books(), outcome::filtered};
    try {
      for (; done < count && !self.aborted(); ++done) {
        if (in_hand)
          in_hand.take(source_origin[done]);
        auto answer = calls::direct(one, source[done], self.where());
        if (auto* output = calls::output_of(answer, failed); output != nullptr) {
          std::construct_at(destination + made, std::move(*output));
          destination_origin[made++] = source_origin[done];
        } else if (failed) {
          break;
        } else {
          filtered.add(source_origin[done]);
        }
      }
    } catch (...) {
      failed = describe_current_exception();
    }
    return {done, made, std::move(failed)};
  }

  /// Items that are run without a look whether the pipeline is aborted: a slice that was quick may become slow.
  static constexpr std::size_t at_a_stretch = 64;
};

} // namespace weir::internal
