#pragma once

#include <cerrno>
#include <system_error>

#include <unistd.h>

namespace weir::internal {

/// A file descriptor that is closed at the end of its scope.
///
/// Owner: whoever holds it. Failure: one that could not be opened throws a system_error with `what`.
class descriptor {
public:
  descriptor(int fd, const char* what) : fd_{fd} {
    if (fd < 0)
      throw std::system_error{errno, std::generic_category(), what};
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { ::close(fd_); }
  int get() const noexcept { return fd_; }

private:
  int fd_;
};

} // namespace weir::internal
