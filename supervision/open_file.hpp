#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace weir::internal {

/// A descriptor that is closed unless it is kept.
class open_file {
public:
  /// A negative `fd` is none.
  explicit open_file(int fd) noexcept : fd_{fd} {}
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file();

  int get() const noexcept { return fd_; }
  int keep() noexcept { return std::exchange(fd_, -1); }

private:
  int fd_;
};

/// The first `size` bytes of a file; fewer if they can't be read.
std::string read_all(int fd, std::uint64_t size);

/// Writes all bytes from `offset` on; false, with errno, if they can't be written.
bool write_all(int fd, std::string_view bytes, std::uint64_t offset);

} // namespace weir::internal
