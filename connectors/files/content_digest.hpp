#pragma once

#include <cstdint>
#include <string_view>

namespace weir::files {

/// A digest of 64 bits of all bytes that were added so far, which may be asked for at any byte. It tells two contents
/// apart that differ by accident; it keeps nobody from making two of the same digest.
///
/// The digest does not depend on how the bytes were cut into pieces. It is stored, so it may never change; words are
/// read in the machine's byte order, as nobody carries a store elsewhere together with the files.
class content_digest {
public:
  void add(std::string_view bytes) noexcept;

  std::uint64_t bytes() const noexcept { return bytes_; }
  std::uint64_t value() const noexcept;

  bool operator==(const content_digest&) const = default;

private:
  std::uint64_t state_ = 0x9E3779B97F4A7C15U;
  std::uint64_t rest_ = 0; // the last bytes_ % 8 bytes
  std::uint64_t bytes_ = 0;
};

} // namespace weir::files
