#include <weir/supervision/flight_file.hpp>
#include <weir/supervision/open_file.hpp>
#include <weir/supervision/replaced_file.hpp>
#include <weir/supervision/system_failure.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::internal {

using flight_file::identity;

result<int> open_locked(const std::string& path) {
  for (;;) {
    open_file file{
        ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600)};
    if (file.get() < 0)
      return system_failure("can't open '" + path + "'");
    struct stat opened {};
    if (::fstat(file.get(), &opened) != 0 || !S_ISREG(opened.st_mode))
      return fatal("'" + path + "' is not a regular file");
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK)
        return system_failure("can't lock '" + path + "'");
      std::int32_t pid = 0;
      const auto there = read_all(file.get(), sizeof(identity));
      if (there.size() == sizeof(identity))
        std::memcpy(&pid, there.data() + offsetof(identity, pid), sizeof pid);
      return fatal("'" + path + "' is in use by another process"
                   + (pid > 0 ? " (" + std::to_string(pid) + ")" : ""));
    }
    struct stat named {};
    if (::stat(path.c_str(), &named) == 0 && named.st_ino == opened.st_ino
        && named.st_dev == opened.st_dev)
      return file.keep();
  }
}

result<int> write_beside(const std::string& beside, std::string_view bytes, std::uint64_t size) {
  ::unlink(beside.c_str());
  open_file made{::open(beside.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  const auto layer = [&] { return "can't make '" + beside + "'"; };
  if (made.get() < 0 || ::flock(made.get(), LOCK_EX | LOCK_NB) != 0)
    return system_failure(layer());
  if (const int error = ::posix_fallocate(made.get(), 0, static_cast<off_t>(size)); error != 0)
    return fatal(layer() + ": " + std::strerror(error));
  if (!write_all(made.get(), bytes, 0))
    return system_failure(layer());
  return made.keep();
}

result<void> replace_file(const std::string& path, const std::string& beside) {
  if (::rename(beside.c_str(), path.c_str()) != 0)
    return system_failure("can't put '" + beside + "' in the place of '" + path + "'");
  return {};
}

} // namespace weir::internal
