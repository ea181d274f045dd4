#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace weir::files {

/// How far a file is read, for whoever shows it. Any thread.
struct progress {
  std::atomic<std::uint64_t> bytes_read{0};  ///< of the file as it is stored
  std::atomic<std::uint64_t> bytes_total{0}; ///< 0: not known
  /// Where this run began, if it goes on from an earlier one.
  std::atomic<std::uint64_t> bytes_at_start{0};
};

struct lines_options {
  std::string path; ///< "-": standard input
  /// Of a line with more bytes than this, only the beginning is kept.
  std::uint64_t line_max = std::uint64_t{1} << 20U;
  std::uint64_t resume_after = 0; ///< lines that an earlier life had settled
  std::string partition = {};     ///< the name in positions; empty: what files::identity says
  std::shared_ptr<files::progress> progress = {};
};

/// Bytes kept of a line that is too long.
inline constexpr std::size_t oversized_kept = 4096;

} // namespace weir::files
