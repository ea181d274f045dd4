#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir {

/// Items that go on together.
template <class T>
struct batch {
  using value_type = T;
  std::vector<T> items;
};

} // namespace weir

namespace weir::internal {

template <class T>
inline constexpr bool is_batch = false;
template <class T>
inline constexpr bool is_batch<batch<T>> = true;

/// How many rows an item has: those of a batch, or itself.
template <class T>
std::size_t rows_in(const T& item) {
  if constexpr (is_batch<T>)
    return item.items.size();
  else
    return 1;
}

} // namespace weir::internal

namespace weir {

/// A batch goes on when it is full, or when its first item is this old, or at the end of the stream; or, with a
/// predicate, behind an item that closes it. The delay counts from the first item; there are no empty batches.
struct batch_options {
  std::uint32_t size_max = 100;
  std::chrono::milliseconds delay_max{200};
  std::uint32_t mailbox_capacity = 1024; ///< items
};

} // namespace weir
