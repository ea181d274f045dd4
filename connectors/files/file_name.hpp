#pragma once

#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::files {

/// The absolute path, without looking whether there is anything.
std::string absolute_path(const std::string& path);

/// The one path of a file that may have many: absolute, without links. Where there is no file, the absolute path.
std::string canonical_path(const std::string& path);

/// Is it a file that another life can find by its path? Pipes and the like are none, nor is a file that was removed and
/// is open only, as a shell makes it for a here-document.
bool has_a_name(const std::string& path);

/// The checksum of the beginning of a file as it is stored, in the name that its positions are kept under. A file that
/// was still short then has grown since: so a name is one of this file if it has the checksum of any shorter beginning.
class file_head {
public:
  static constexpr std::size_t bytes_max = 4096;

  static result<file_head> of(const std::string& path);

  /// As eight digits, of all that there is of these bytes.
  std::string text() const;
  /// Do eight digits name this file, or what it was before it grew?
  bool was(std::string_view digits) const;

private:
  std::vector<std::uint32_t> sums_; // of the first k bytes
};

/// What the positions of a file are kept under where nothing is known of it yet: its canonical path and the checksum of
/// its head. "stdin" for "-"; of what can't be read twice, the path alone.
result<std::string> identity(const std::string& path);

} // namespace weir::files
