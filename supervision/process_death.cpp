#include <weir/supervision/process_death.hpp>

#include <csignal>
#include <cstring>

#include <sys/wait.h>

namespace weir::internal {

std::string cause_of_death(std::optional<int> status) {
  if (!status)
    return "the process died (cause unknown)";
  if (!WIFSIGNALED(*status))
    return "ended with exit code " + std::to_string(WEXITSTATUS(*status));
  const int number = WTERMSIG(*status);
  const char* name = ::sigabbrev_np(number);
  std::string text = name != nullptr ? "killed by SIG" + std::string{name} + " (signal "
                                           + std::to_string(number) + ")"
                                     : "killed by signal " + std::to_string(number);
  if (number == SIGKILL)
    text.insert(text.size() - 1, "; perhaps out of memory");
  return text;
}

} // namespace weir::internal
