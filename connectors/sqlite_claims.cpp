#include <weir/connectors/sqlite_claims.hpp>

#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace weir::sqlite {

namespace {

/// A lock that belongs to the open file, not to the process: two objects in one process see each other's.
struct flock byte_lock(std::uint64_t number) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(number);
  lock.l_len = 1;
  return lock;
}

failure described(const std::filesystem::path& path, int error) {
  return transient(std::generic_category().message(error)).within("'" + path.string() + "'");
}

} // namespace

claims::~claims() {
  if (file_ >= 0)
    ::close(file_);
}

result<void> claims::open(bool make) {
  if (file_ >= 0)
    return {};
  file_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), S_IRUSR | S_IWUSR);
  if (file_ < 0)
    return described(path_, errno);
  return {};
}

result<bool> claims::hold(std::uint64_t number) {
  if (auto opened = open(true); !opened)
    return std::move(opened.error());
  auto lock = byte_lock(number);
  if (::fcntl(file_, F_OFD_SETLK, &lock) == 0) {
    mine_ = number;
    return true;
  }
  if (errno == EAGAIN || errno == EACCES)
    return false;
  return described(path_, errno);
}

result<bool> claims::is_held(std::uint64_t number) {
  if (number == mine_)
    return number != 0;
  std::error_code error;
  if (file_ < 0 && !std::filesystem::exists(path_, error) && !error)
    return false;
  if (auto opened = open(false); !opened)
    return true; // another user's, say: who can't be asked is not taken for dead
  auto lock = byte_lock(number);
  if (::fcntl(file_, F_OFD_GETLK, &lock) != 0)
    return described(path_, errno);
  return lock.l_type != F_UNLCK;
}

} // namespace weir::sqlite
