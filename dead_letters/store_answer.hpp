#pragma once

#include <weir/supervision/failure.hpp>

namespace weir::internal {

/// What a store of dead letters answers to `call`. Stores are written by users too: one that throws has failed, and
/// its exception says why.
template <class Call>
auto store_answer(Call call) -> decltype(call()) {
  try {
    return call();
  } catch (...) {
    return describe_current_exception();
  }
}

} // namespace weir::internal
