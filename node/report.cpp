#include <weir/node/report.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::internal {

namespace {

failure system_failure(const char* what) {
  return fatal(std::string{what} + ": " + std::strerror(errno));
}

/// Writes all of `text` to a file opened with `flags`, and, where asked for, to the disk.
result<void> write_file(const std::string& path, int flags, const std::string& text, bool synced) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666);
  if (file < 0)
    return system_failure("open");
  result<void> outcome;
  for (std::size_t written = 0; outcome && written < text.size();) {
    const auto count = ::write(file, text.data() + written, text.size() - written);
    if (count >= 0)
      written += static_cast<std::size_t>(count);
    else if (errno != EINTR)
      outcome = system_failure("write");
  }
  if (outcome && synced && ::fsync(file) != 0)
    outcome = system_failure("fsync");
  if (::close(file) != 0 && outcome)
    outcome = system_failure("close");
  return outcome;
}

result<void> replace_file(const std::string& path, const std::string& text) {
  const auto temporary =
      path + "." + std::to_string(::getpid()) + ".tmp"; // beside it: rename stays on one disk
  auto outcome = write_file(temporary, O_CREAT | O_TRUNC | O_NOFOLLOW, text, true);
  if (outcome && ::rename(temporary.c_str(), path.c_str()) != 0)
    outcome = system_failure("rename");
  if (!outcome)
    ::unlink(temporary.c_str());
  return outcome;
}

} // namespace

result<void> write_report(const std::string& path, const run_report& report) {
  struct stat there {};
  const bool replaces = ::lstat(path.c_str(), &there) != 0 || S_ISREG(there.st_mode);
  auto outcome = replaces ? replace_file(path, to_json(report))
                          : write_file(path, O_TRUNC, to_json(report), false);
  if (!outcome)
    return std::move(outcome).error().within("the report can't be written to '" + path + "'");
  return {};
}

} // namespace weir::internal
