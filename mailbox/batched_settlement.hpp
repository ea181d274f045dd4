#pragma once

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/outcome.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::internal {

/// Settles the items of a slice, neighbours together: one atomic operation for up to 64 of them.
///
/// Owner: one thread, for one slice. What is still pending is settled by `flush` or the destructor.
class batched_settlement {
public:
  batched_settlement(acknowledgement& books, outcome how) noexcept : books_{books}, how_{how} {}
  batched_settlement(const batched_settlement&) = delete;
  batched_settlement& operator=(const batched_settlement&) = delete;
  ~batched_settlement() { flush(); }

  void add(origin where) noexcept {
    const auto block = where.word() / 64;
    const auto bit = std::uint64_t{1} << (where.word() % 64);
    if (block != block_ || (mask_ & bit) != 0) { // or another share of the same item
      flush();
      if (where.empty() || where.is_group()) {
        books_.settle(where, how_);
        return;
      }
      block_ = block;
    }
    mask_ |= bit;
  }

  /// Adds many: neighbours that follow each other are found as runs.
  void add(std::span<const origin> all) noexcept {
    for (std::size_t k = 0; k < all.size();) {
      const auto word = all[k].word();
      const auto most = std::min<std::size_t>(all.size() - k, 64 - word % 64);
      std::size_t run = 1;
      while (run < most && all[k + run].word() == word + run)
        ++run;
      if (run < 8 || all[k].empty() || all[k].is_group()) {
        for (std::size_t one = 0; one < run; ++one)
          add(all[k + one]);
      } else {
        flush();
        block_ = word / 64;
        mask_ = (run == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << run) - 1) << (word % 64);
      }
      k += run;
    }
  }

  void flush() noexcept {
    if (mask_ != 0) {
      const auto partition_index = static_cast<std::uint32_t>(block_ >> 42U) - 1;
      books_.settle_run(partition_index, block_ * 64 & origin::position_max, mask_, how_);
    }
    mask_ = 0;
    block_ = none;
  }

private:
  acknowledgement& books_;
  const outcome how_;
  static constexpr std::uint64_t none = ~std::uint64_t{0};
  std::uint64_t block_ = none; // word / 64 of the pending run
  std::uint64_t mask_ = 0;
};

} // namespace weir::internal
