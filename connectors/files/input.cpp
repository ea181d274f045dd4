#include <weir/connectors/files/file_name.hpp>
#include <weir/connectors/files/input.hpp>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

namespace weir::files {

namespace {

constexpr std::size_t chunk_bytes = 256 * 1024;
constexpr unsigned char gzip_magic[] = {0x1F, 0x8B};

std::string text_of(int error) { return std::generic_category().message(error); }

} // namespace

/// zlib's state for a file of one gzip member after another.
struct input::inflater {
  inflater() : out(chunk_bytes) {
    if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) // 16: gzip only
      throw std::bad_alloc{};
  }
  inflater(const inflater&) = delete;
  inflater& operator=(const inflater&) = delete;
  ~inflater() { inflateEnd(&stream); }

  z_stream stream{};
  std::vector<char> out;
  bool in_member = true;
};

input::input(std::string name, int descriptor, bool owned, bool regular)
    : name_{std::move(name)},
      descriptor_{descriptor},
      owned_{owned},
      regular_{regular},
      rereadable_{owned && regular},
      raw_(chunk_bytes) {}

input::~input() {
  if (owned_)
    ::close(descriptor_);
}

result<std::unique_ptr<input>> input::open(const std::string& path,
                                           std::shared_ptr<progress> shown) {
  const bool standard = path == "-";
  const auto name = standard ? std::string{"standard input"} : absolute_path(path);
  if (path.empty())
    return fatal("the path of an input is empty; expected a file, or '-' for standard input");
  // A pipe without a writer would block here; whether there is something to read is asked before each read.
  const int descriptor =
      standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return fatal(name + ": can't be opened: " + text_of(errno));
  struct stat what {};
  const auto error = ::fstat(descriptor, &what) == 0 ? 0 : errno;
  std::unique_ptr<input> opened{
      new input{name, descriptor, !standard, error == 0 && S_ISREG(what.st_mode)}};
  if (error != 0)
    return fatal(name + ": can't be read: " + text_of(error));
  if (S_ISDIR(what.st_mode))
    return fatal(name + ": is a directory; expected a file");
  opened->id_ = {.device = what.st_dev, .inode = what.st_ino};
  if (opened->regular_) { // of standard input, some may have been read before
    opened->before_ =
        static_cast<std::uint64_t>(std::max<off_t>(0, ::lseek(descriptor, 0, SEEK_CUR)));
    opened->promised_ = static_cast<std::uint64_t>(what.st_size);
  }
  opened->shown_ = std::move(shown);
  if (opened->shown_ && opened->regular_)
    opened->shown_->bytes_total = static_cast<std::uint64_t>(what.st_size);
  return opened;
}

failure input::broken(const std::string& how) const {
  return fatal(name_ + ": " + how + " at byte " + std::to_string(offset_ - (filled_ - taken_)));
}

/// Reads more into `raw_`, behind what is there.
result<input::state> input::fill() {
  if (at_end_)
    return state::end;
  if (!regular_) {
    pollfd readable{.fd = descriptor_, .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, 0) == 0)
      return state::starved;
  }
  if (taken_ == filled_)
    taken_ = filled_ = 0;
  ssize_t count = 0;
  do
    count = ::read(descriptor_, raw_.data() + filled_, raw_.size() - filled_);
  while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN)
    return state::starved;
  if (count < 0)
    return fatal(name_ + ": can't be read at byte " + std::to_string(offset_) + ": "
                 + text_of(errno));
  at_end_ = count == 0;
  if (at_end_)
    if (auto whole = check_size(); !whole)
      return std::move(whole.error());
  filled_ += static_cast<std::size_t>(count);
  offset_ += static_cast<std::uint64_t>(count);
  if (shown_)
    shown_->bytes_read.store(offset_, std::memory_order_relaxed);
  return at_end_ ? state::end : state::bytes;
}

/// At the end: is it there that the file ended when it was opened, or behind?
result<void> input::check_size() const {
  struct stat now {};
  if (!regular_ || before_ + offset_ >= promised_ || ::fstat(descriptor_, &now) != 0)
    return {};
  const auto left = static_cast<std::uint64_t>(now.st_size);
  if (left >= promised_) // as of files that the kernel makes up: they never had so many
    return {};
  return fatal(name_ + ": became shorter while it was read: it had " + std::to_string(promised_)
               + " bytes when it was opened, and has " + std::to_string(left) + " now");
}

result<void> input::go_to(std::uint64_t byte) {
  if (::lseek(descriptor_, static_cast<off_t>(byte), SEEK_SET) < 0)
    return fatal(name_ + ": can't go to byte " + std::to_string(byte) + ": " + text_of(errno));
  offset_ = byte;
  recognised_ = true;
  return {};
}

result<input::chunk> input::read() {
  if (failed_)
    return *failed_;
  auto answer = next();
  if (!answer)
    failed_ = answer.error();
  return answer;
}

result<input::chunk> input::next() {
  while (!recognised_) {
    const auto there = std::min(filled_ - taken_, std::size(gzip_magic));
    const bool may_be_gzip = std::equal(
        raw_.begin(), raw_.begin() + static_cast<std::ptrdiff_t>(there), gzip_magic,
        [](char have, unsigned char want) { return static_cast<unsigned char>(have) == want; });
    if (may_be_gzip && there < std::size(gzip_magic) && !at_end_) {
      auto more = fill();
      if (!more)
        return std::move(more.error());
      if (*more == state::starved)
        return chunk{state::starved, {}};
      continue;
    }
    if (may_be_gzip && there == std::size(gzip_magic))
      gzip_ = std::make_unique<inflater>();
    recognised_ = true;
  }
  if (gzip_)
    return next_of_gzip();
  if (taken_ == filled_) {
    auto more = fill();
    if (!more)
      return std::move(more.error());
    if (*more != state::bytes)
      return chunk{*more, {}};
  }
  const std::string_view bytes{raw_.data() + taken_, filled_ - taken_};
  taken_ = filled_;
  return chunk{state::bytes, bytes};
}

result<input::chunk> input::next_of_gzip() {
  auto& zlib = gzip_->stream;
  for (;;) {
    if (taken_ == filled_) {
      auto more = fill();
      if (!more)
        return std::move(more.error());
      if (*more == state::end && gzip_->in_member)
        return broken("the gzip data is truncated: it ends in the middle,");
      if (*more != state::bytes)
        return chunk{*more, {}};
    }
    if (!gzip_->in_member) {
      if (raw_[taken_] == '\0') { // padding, as tapes and tar leave it
        ++taken_;
        continue;
      }
      inflateReset(&zlib);
      gzip_->in_member = true;
    }
    zlib.next_in = reinterpret_cast<Bytef*>(raw_.data() + taken_);
    zlib.avail_in = static_cast<uInt>(filled_ - taken_);
    zlib.next_out = reinterpret_cast<Bytef*>(gzip_->out.data());
    zlib.avail_out = static_cast<uInt>(gzip_->out.size());
    const auto answer = inflate(&zlib, Z_NO_FLUSH);
    taken_ = filled_ - zlib.avail_in;
    const auto made = gzip_->out.size() - zlib.avail_out;
    if (answer == Z_STREAM_END)
      gzip_->in_member = false;
    else if (answer == Z_MEM_ERROR)
      throw std::bad_alloc{};
    else if (answer != Z_OK && answer != Z_BUF_ERROR)
      failed_ = broken(std::string{"the gzip data is corrupt ("}
                       + (zlib.msg != nullptr ? zlib.msg : "no reason given") + ")");
    if (made > 0) // what came before the defect is handed on; the next read reports it
      return chunk{state::bytes, {gzip_->out.data(), made}};
    if (failed_)
      return *failed_;
  }
}

} // namespace weir::files
