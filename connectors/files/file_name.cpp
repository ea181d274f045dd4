#include <weir/connectors/files/file_name.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

namespace weir::files {

namespace {

std::string text_of(int error) { return std::generic_category().message(error); }

std::string digits_of(std::uint32_t sum) {
  constexpr auto digits = "0123456789abcdef";
  std::string hex;
  for (unsigned shift = 32; shift > 0; shift -= 4)
    hex += digits[sum >> (shift - 4) & 0xFU];
  return hex;
}

} // namespace

std::string absolute_path(const std::string& path) {
  std::error_code ignored;
  const auto absolute = std::filesystem::absolute(path, ignored);
  return ignored ? path : absolute.string();
}

std::string canonical_path(const std::string& path) {
  std::error_code error;
  const auto canonical = std::filesystem::canonical(path, error);
  return error ? absolute_path(path) : canonical.string();
}

bool has_a_name(const std::string& path) {
  struct stat what {};
  return ::stat(path.c_str(), &what) == 0 && S_ISREG(what.st_mode) && what.st_nlink > 0;
}

result<file_head> file_head::of(const std::string& path) {
  const auto name = absolute_path(path);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fatal(name + ": can't be opened: " + text_of(errno));
  std::array<unsigned char, bytes_max> head{};
  std::size_t there = 0;
  ssize_t count = 0;
  while (there < head.size()
         && ((count = ::read(descriptor, head.data() + there, head.size() - there)) > 0
             || (count < 0 && errno == EINTR)))
    there += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  const auto error = count < 0 ? errno : 0;
  ::close(descriptor);
  if (error != 0)
    return fatal(name + ": can't be read: " + text_of(error));
  file_head made;
  made.sums_.push_back(static_cast<std::uint32_t>(crc32(0, nullptr, 0)));
  for (std::size_t k = 0; k < there; ++k)
    made.sums_.push_back(static_cast<std::uint32_t>(crc32(made.sums_.back(), &head[k], 1)));
  return made;
}

std::string file_head::text() const { return digits_of(sums_.back()); }

bool file_head::was(std::string_view digits) const {
  std::uint32_t sum = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [read_to, error] = std::from_chars(digits.data(), end, sum, 16);
  return error == std::errc{} && read_to == end && digits.size() == 8
         && std::ranges::find(sums_, sum) != sums_.end();
}

result<std::string> identity(const std::string& path) {
  if (path == "-")
    return std::string{"stdin"};
  const auto name = absolute_path(path);
  struct stat what {};
  if (::stat(path.c_str(), &what) != 0)
    return fatal(name + ": can't be read: " + text_of(errno));
  if (S_ISDIR(what.st_mode))
    return fatal(name + ": is a directory; expected a file");
  if (!has_a_name(path)) // looking into a pipe would take bytes out of it
    return name;
  auto head = file_head::of(path);
  if (!head)
    return std::move(head.error());
  return canonical_path(path) + "#" + head->text();
}

} // namespace weir::files
