#include <weir/node/exit_codes.hpp>
#include <weir/node/heart.hpp>
#include <weir/node/log.hpp>
#include <weir/node/own_call.hpp>
#include <weir/supervision/blame.hpp>
#include <weir/supervision/flight_recorder.hpp>
#include <weir/supervision/process_death.hpp>
#include <weir/supervision/restart_window.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <random>
#include <string_view>
#include <system_error>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::internal {

namespace {

constexpr std::string_view variable = "WEIR_HEART"; // tells the child its parent's number

/// Deaths by one item in a row that need not count; it is dead-lettered sooner, where it can be.
constexpr std::uint32_t same_item_max = 16;

/// Besides SIGTERM and SIGINT, which tell both to stop, these are for the child.
constexpr int passed_on_too[] = {SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

std::size_t threads_of_this_process() {
  std::error_code error;
  std::filesystem::directory_iterator tasks{"/proc/self/task", error};
  return error ? 1 : static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

/// The parent of the program: starts it, waits for it, and decides what its end means.
class parent {
public:
  parent(const heart_options& options, log& into)
      : options_{options}, log_{into}, window_{options.intensity, options.period} {
    // An ignored SIGCHLD, which a shell may leave behind, would take the status away.
    std::signal(SIGCHLD, SIG_DFL);
    sigemptyset(&passed_on_);
    for (const int one : {SIGTERM, SIGINT})
      sigaddset(&passed_on_, one);
    for (const int one : passed_on_too)
      sigaddset(&passed_on_, one);
    ::sigprocmask(SIG_BLOCK, &passed_on_, nullptr); // the child begins so too: none is lost
    ::sigprocmask(SIG_BLOCK, nullptr, &of_child_);
    waited_for_ = passed_on_;
    sigaddset(&waited_for_, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &waited_for_, nullptr);
  }

  int run() {
    if (!call_.known())
      return escalate("can't read /proc/self/cmdline");
    for (;;) {
      if (!start())
        return escalate(std::string{"can't start the process: "} + std::strerror(errno));
      const int status = wait_for_child();
      if (const auto code = code_after(status))
        return *code;
    }
  }

private:
  bool start() {
    const auto me = ::getpid();
    child_ = ::fork();
    if (child_ != 0)
      return child_ > 0;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != me)
      ::_exit(exit_codes::failed); // the parent was quicker to die
    ::sigprocmask(SIG_SETMASK, &of_child_, nullptr);
    call_.make();
    ::_exit(127);
  }

  int wait_for_child() {
    for (;;) {
      int status = 0;
      if (const auto ended = ::waitpid(child_, &status, WNOHANG); ended == child_)
        return status;
      siginfo_t info{};
      const int number = ::sigwaitinfo(&waited_for_, &info);
      if (number < 0 || number == SIGCHLD)
        continue;
      note_signal(number);
      ::kill(child_, number);
    }
  }

  void note_signal(int number) {
    if (number == SIGTERM || number == SIGINT)
      stopping_ = true;
    if (number == SIGHUP || number == SIGQUIT)
      quit_by_ = number;
  }

  /// Decides what an end with this status means: the exit code, if it was the last.
  std::optional<int> code_after(int status) {
    const auto cause = cause_of_death(status);
    if (!is_restarted(status))
      return WEXITSTATUS(status);
    if (quit_by_ != 0 && WIFSIGNALED(status) && WTERMSIG(status) == quit_by_)
      return 128 + quit_by_; // as it would have ended without us
    const auto charge = charge_for(status);
    log_.write(log::level::warning, "the process died",
               {{"pid", std::to_string(child_)}, {"cause", cause}});
    if (stopping_) {
      log_.write(log::level::error, "it was told to stop: not started again");
      return WIFEXITED(status) ? WEXITSTATUS(status) : exit_codes::left_over;
    }
    if (!window_.add(0, charge, std::chrono::steady_clock::now()))
      return escalate("the process died more than " + std::to_string(options_.intensity)
                          + " times within " + std::to_string(options_.period.count())
                          + " ms; the last time it was " + cause,
                      WIFEXITED(status) ? WEXITSTATUS(status) : exit_codes::failed);
    const auto delay = options_.delays.delay(++restarts_, jitter_(random_));
    window_.pause(0, delay);
    log_.write(log::level::info, "it is started again",
               {{"restarts", std::to_string(restarts_)},
                {"delay_ms", std::to_string(delay.count() / 1'000'000)}});
    return told_to_stop_within(delay) ? std::optional{exit_codes::left_over} : std::nullopt;
  }

  std::uint32_t charge_for(int status) {
    const auto found = flight_recorder::examine(options_.recorder, child_, status);
    if (found && found->recovered && blame_.succeeded())
      window_.forgive(0);
    const auto now = std::chrono::steady_clock::now();
    if ((found && found->recovered) || now - std::exchange(last_death_, now) > options_.period)
      restarts_ = 0; // for the delays
    const auto culprit = found ? found->culprit : std::nullopt;
    in_a_row_ = culprit && culprit == last_culprit_ ? in_a_row_ + 1 : 1;
    last_culprit_ = culprit;
    const auto charge = blame_.failed(culprit);
    return in_a_row_ > same_item_max ? std::max(charge, 1U) : charge;
  }

  bool told_to_stop_within(std::chrono::nanoseconds delay) {
    const auto until = std::chrono::steady_clock::now() + delay;
    for (;;) {
      const auto left = std::chrono::nanoseconds{until - std::chrono::steady_clock::now()};
      if (left.count() <= 0)
        return false;
      const timespec wait{.tv_sec = left.count() / 1'000'000'000,
                          .tv_nsec = left.count() % 1'000'000'000};
      siginfo_t info{};
      if (const int number = ::sigtimedwait(&passed_on_, &info, &wait);
          number > 0 && number != SIGUSR1 && number != SIGUSR2) {
        log_.write(log::level::info, "told to stop while nothing ran");
        return true;
      }
    }
  }

  int escalate(const std::string& why, int code = exit_codes::failed) {
    log_.write(log::level::error, "escalated", {{"why", why}, {"exit_code", std::to_string(code)}});
    return code;
  }

  const heart_options& options_;
  log& log_;
  restart_window window_;
  own_call call_{std::string{variable}, std::to_string(::getpid())};
  sigset_t passed_on_{};
  sigset_t waited_for_{};
  sigset_t of_child_{};
  pid_t child_ = -1;
  bool stopping_ = false;
  int quit_by_ = 0;            // SIGHUP or SIGQUIT: it was passed on
  std::uint32_t restarts_ = 0; // since it was well
  time_point last_death_{};
  blame blame_;
  std::optional<std::uint64_t> last_culprit_;
  std::uint32_t in_a_row_ = 0; // deaths by it
  std::minstd_rand random_{static_cast<unsigned>(::getpid())};
  std::uniform_real_distribution<double> jitter_{0.0, 1.0};
};

/// Reads who keeps this process alive, and takes back what was done for the time before the exec.
std::optional<pid_t> notice_parent() {
  const char* value = std::getenv(variable.data());
  if (value == nullptr)
    return std::nullopt;
  const std::string_view text{value};
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  const bool is_parent =
      error == std::errc{} && end == text.data() + text.size() && pid > 0 && pid == ::getppid();
  ::unsetenv(variable.data()); // processes that this one starts are no concern of the parent's
  if (!is_parent)
    return std::nullopt;
  ::prctl(PR_SET_NAME, ::program_invocation_short_name); // else it is called "exe"
  sigset_t kept_back;                                    // since before the exec
  sigemptyset(&kept_back);
  for (const int one : passed_on_too)
    sigaddset(&kept_back, one);
  ::pthread_sigmask(SIG_UNBLOCK, &kept_back, nullptr);
  return pid;
}

} // namespace

bool is_restarted(int status) noexcept {
  if (!WIFEXITED(status))
    return true;
  const int code = WEXITSTATUS(status);
  return code != exit_codes::ok && code != exit_codes::usage && code != exit_codes::left_over
         && code != exit_codes::not_balanced;
}

int keep_alive(const heart_options& options, log& into) {
  // A fork takes along one thread only, and whatever the others have locked.
  if (const auto threads = threads_of_this_process(); threads > 1) {
    into.write(log::level::error, "--heart needs a process without other threads",
               {{"threads", std::to_string(threads)}});
    return exit_codes::failed;
  }
  return parent{options, into}.run();
}

std::optional<pid_t> kept_alive_by() {
  static const auto parent = notice_parent();
  return parent;
}

} // namespace weir::internal
