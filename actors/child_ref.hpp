#pragma once

#include <weir/supervision/child_key.hpp>

#include <compare>
#include <cstdint>

namespace weir {

/// A child of a supervisor, whichever instance of it runs: it stays the same over restarts, also of the
/// supervisor itself.
class child_ref {
public:
  /// It is nobody's child.
  child_ref() = default;
  auto operator<=>(const child_ref&) const = default;

private:
  friend class supervisor;
  child_ref(std::uint64_t owner, internal::child_key key) : owner_{owner}, key_{key} {}

  std::uint64_t owner_ = 0; // nobody's
  internal::child_key key_ = 0;
};

} // namespace weir
