#include <weir/supervision/flight_slot.hpp>

#include <algorithm>

namespace weir::internal {

void flight_slot::ranges::add(origin where) noexcept {
  if (where.empty() || where.is_group())
    return;
  const auto word = where.word();
  const auto place = [this](std::size_t k) {
    return found_.begin() + static_cast<std::ptrdiff_t>(k);
  };
  auto at = count_; // behind the ranges that begin at or before it
  while (at > 0 && found_[at - 1].first > word)
    --at;
  if (at > 0 && word <= found_[at - 1].last)
    return;
  const bool extends = at > 0 && word == found_[at - 1].last + 1;
  const bool leads = at < count_ && found_[at].first == word + 1;
  if (extends && leads) {
    found_[at - 1].last = found_[at].last;
    std::copy(place(at + 1), place(count_), place(at));
    --count_;
  } else if (extends) {
    found_[at - 1].last = word;
  } else if (leads) {
    found_[at].first = word;
  } else {
    std::copy_backward(place(at), place(count_), place(count_ + 1));
    found_[at] = {word, word};
    if (++count_ > ranges_max)
      bridge();
  }
}

/// One range less: the narrowest gap is bridged first.
void flight_slot::ranges::bridge() noexcept {
  std::size_t narrowest = 0;
  std::uint64_t gap = ~std::uint64_t{0};
  for (std::size_t k = 0; k + 1 < count_; ++k) {
    const bool same_partition = (found_[k].last >> 48U) == (found_[k + 1].first >> 48U);
    if (same_partition && found_[k + 1].first - found_[k].last < gap) {
      gap = found_[k + 1].first - found_[k].last;
      narrowest = k;
    }
  }
  --count_;
  if (gap == ~std::uint64_t{0}) { // more partitions than places
    left_out_ += found_[count_].last - found_[count_].first + 1;
    return;
  }
  found_[narrowest].last = found_[narrowest + 1].last;
  const auto behind = found_.begin() + static_cast<std::ptrdiff_t>(narrowest);
  std::copy(behind + 2, found_.begin() + static_cast<std::ptrdiff_t>(count_) + 1, behind + 1);
}

void flight_slot::take(const ranges& batch) noexcept {
  in_hand_.store(0, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::copy_n(batch.found_.begin(), batch.count_, ranges_.begin());
  std::atomic_signal_fence(std::memory_order_seq_cst);
  take(batch.count_ == 0
           ? 0
           : batch_bit | std::min(batch.left_out_, left_out_max) << left_out_shift | batch.count_);
}

} // namespace weir::internal
