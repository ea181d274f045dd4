#pragma once

#include <cstdio>
#include <cstdlib>

namespace weir::internal {

/// Ends the process with `sentence` on standard error where `holds` is false. It is for mistakes of the
/// programmer, which no caller can answer: so it stays in release builds too. `sentence` says what was required,
/// with the name of the function: "ring: the capacity must be a power of two".
inline void require(bool holds, const char* sentence) noexcept {
  if (holds) [[likely]]
    return;
  std::fputs("weir: ", stderr);
  std::fputs(sentence, stderr);
  std::fputc('\n', stderr);
  std::abort();
}

} // namespace weir::internal
