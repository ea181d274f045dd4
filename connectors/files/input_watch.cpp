#include <weir/connectors/files/input_watch.hpp>

#include <cerrno>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace weir::files {

input_watch::input_watch(int descriptor, waker& who)
    : descriptor_{descriptor}, who_{who}, event_{::eventfd(0, EFD_CLOEXEC)} {
  if (event_ < 0)
    throw std::system_error{errno, std::generic_category(), "eventfd"};
  try {
    thread_ = std::thread{[this] { run(); }};
  } catch (...) {
    ::close(event_);
    throw;
  }
}

input_watch::~input_watch() {
  stopping_ = true;
  signal();
  thread_.join();
  ::close(event_);
}

void input_watch::arm() {
  armed_ = true;
  signal();
}

void input_watch::signal() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written =
      ::write(event_, &one, sizeof one); // fails only when it says so already
}

void input_watch::run() {
  while (!stopping_) {
    pollfd both[] = {{.fd = armed_ ? descriptor_ : -1, .events = POLLIN, .revents = 0},
                     {.fd = event_, .events = POLLIN, .revents = 0}};
    if (::poll(both, 2, -1) < 0)
      continue; // EINTR
    if (both[1].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto read = ::read(event_, &count, sizeof count);
    }
    if (both[0].revents != 0) {
      armed_ = false; // before the wake: the source arms it again if it was not enough
      who_.wake();
    }
  }
}

} // namespace weir::files
