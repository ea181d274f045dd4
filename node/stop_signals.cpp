#include <weir/node/heart.hpp>
#include <weir/node/stop_signals.hpp>

#include <csignal>
#include <utility>

#include <sys/signalfd.h>
#include <unistd.h>

namespace weir::internal {

namespace {

/// Blocks the signals in this thread and those it makes, for good, and hands them out.
int take_over_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN); // a peer that went away is an error of a write
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

} // namespace

stop_signals::stop_signals() : from_{take_over_signals(), "signalfd"} {}

std::optional<stop_signal> stop_signals::take() {
  signalfd_siginfo info{};
  if (::read(from_.get(), &info, sizeof info) != sizeof info)
    return std::nullopt;
  // A terminal or a service manager tells the child and its parent, which passes it on: that is one signal.
  const auto parent = kept_alive_by();
  const bool by_parent = parent && static_cast<pid_t>(info.ssi_pid) == *parent;
  const bool first = !told_by_parent_ && !told_by_others_;
  const bool again = std::exchange(by_parent ? told_by_parent_ : told_by_others_, true);
  return stop_signal{info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM", first, again};
}

} // namespace weir::internal
