#include <weir/cli/dead_letter_job.hpp>
#include <weir/cli/dead_letter_json.hpp>
#include <weir/cli/dead_letter_text.hpp>
#include <weir/node/exit_codes.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <sys/ioctl.h>
#include <unistd.h>

namespace weir::internal {

int dead_letter_job::failed(const failure& why) const {
  std::cerr << name << ": " << why.message() << '\n';
  return exit_codes::failed;
}

void dead_letter_job::print_causes(const std::vector<dead_letter_count>& causes) const {
  std::cout << (asked.as_json() ? to_json(causes) + "\n"
                                : to_bars(causes, output_columns(), terminal_charset()));
}

std::string dead_letter_job::user() {
  const auto* const given = std::getenv("USER");
  const auto uid = "uid " + std::to_string(::getuid());
  return given != nullptr && *given != '\0' ? std::string{given} + " (" + uid + ")" : uid;
}

std::size_t output_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return std::max<std::size_t>(size.ws_col, 40);
  return 100;
}

std::uint64_t sum(const std::vector<dead_letter_count>& causes) {
  std::uint64_t all = 0;
  for (const auto& one : causes)
    all += one.count;
  return all;
}

} // namespace weir::internal
