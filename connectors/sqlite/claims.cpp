#include <weir/connectors/sqlite/claims.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
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

std::filesystem::path made_absolute(const std::filesystem::path& path) {
  std::error_code error;
  auto found = std::filesystem::absolute(path, error);
  return error ? path : found;
}

} // namespace

claims::claims(const std::filesystem::path& database) : database_{made_absolute(database)} {}

claims::~claims() {
  if (file_ >= 0)
    ::close(file_);
}

void claims::find_path() {
  if (!path_.empty())
    return;
  std::error_code error;
  path_ = std::filesystem::canonical(database_, error);
  if (error)
    path_ = database_;
  path_ += "-claims";
}

result<void> claims::open(bool make) {
  if (file_ >= 0)
    return {};
  find_path();
  file_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), S_IRUSR | S_IWUSR);
  if (file_ < 0)
    return described(path_, errno);
  struct stat about {};
  if (make && ::fstat(file_, &about) == 0 && about.st_size == 0) {
    constexpr std::string_view text =
        "Locks on bytes of this file say who is replaying dead letters of the database beside it.\n"
        "While anybody has that open, don't delete this file: letters would be replayed twice.\n";
    static_cast<void>(::pwrite(file_, text.data(), text.size(), 0) < 0); // a disk may be full
  }
  return {};
}

/// Is the open file the one at the path?
bool claims::is_there() const {
  struct stat opened {};
  struct stat named {};
  return ::fstat(file_, &opened) == 0 && ::stat(path_.c_str(), &named) == 0
         && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

result<void> claims::renew() {
  if (file_ < 0 || is_there())
    return {};
  const auto old = std::exchange(file_, -1);
  const auto number = std::exchange(mine_, 0);
  auto done = open(number != 0);
  if (done && number != 0)
    if (auto held = hold(number); !held)
      done = std::move(held.error());
  if (done) {
    ::close(old);
    return {};
  }
  if (file_ >= 0)
    ::close(file_);
  file_ = old; // who holds what there is better known than nothing
  mine_ = number;
  if (number == 0)
    return {};
  return done;
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
  find_path();
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
