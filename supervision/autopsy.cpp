#include <weir/supervision/autopsy.hpp>
#include <weir/supervision/flight_file.hpp>
#include <weir/supervision/open_file.hpp>
#include <weir/supervision/wreck.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>

#include <fcntl.h>
#include <sys/stat.h>

namespace weir::internal {

std::optional<autopsy> examine_recorder(const std::string& path, int pid, int status) {
  using namespace flight_file;
  const open_file file{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  struct stat there {};
  if (file.get() < 0 || ::fstat(file.get(), &there) != 0 || !S_ISREG(there.st_mode))
    return std::nullopt;
  const auto bytes =
      read_all(file.get(), std::min(static_cast<std::uint64_t>(there.st_size), file_max));
  const auto dead = front_in(bytes);
  if (!dead || dead->who.magic != magic || dead->who.version != version || dead->who.pid != pid)
    return std::nullopt;

  const std::int32_t cause[] = {pid, status};
  const auto when = milliseconds(std::chrono::system_clock::now());
  static_assert(offsetof(front, cause_status)
                == offsetof(front, cause_pid) + sizeof(front::cause_pid));
  if (!write_all(file.get(), bytes_of(when), offsetof(front, cause_at))
      || !write_all(file.get(), bytes_of(cause), offsetof(front, cause_pid)))
    return std::nullopt;

  autopsy found{.culprit = {}, .recovered = dead->recovered.load() > 0};
  if (const auto one = item_alone(read_wreck(bytes))) {
    const std::uint64_t item[] = {one->stage, one->partition, one->first};
    found.culprit = checksum(bytes_of(item));
  }
  return found;
}

} // namespace weir::internal
