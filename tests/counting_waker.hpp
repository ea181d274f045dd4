#pragma once

#include <weir/mailbox/waker.hpp>

namespace weir_test {

/// Counts how often it was woken.
struct counting_waker final : weir::waker {
  int woken = 0;
  void wake() noexcept override { ++woken; }
};

} // namespace weir_test
