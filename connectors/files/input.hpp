#pragma once

#include <weir/connectors/files/file_id.hpp>
#include <weir/connectors/files/lines_options.hpp>
#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::files {

/// The bytes of a file, a pipe or a terminal; those of a gzip file are decompressed.
///
/// Owner: one thread at a time.
/// Failure: fatal, and it stays: every further read answers the same.
class input {
public:
  /// "-" is standard input.
  static result<std::unique_ptr<input>> open(const std::string& path,
                                             std::shared_ptr<progress> shown);

  input(const input&) = delete;
  input& operator=(const input&) = delete;
  ~input();

  const std::string& name() const noexcept { return name_; }
  int descriptor() const noexcept { return descriptor_; }
  /// Can it be opened and read once more?
  bool rereadable() const noexcept { return rereadable_; }

  enum class state {
    bytes,   ///< there are some
    starved, ///< not now: wait until the descriptor is readable
    end
  };
  struct chunk {
    input::state state;
    std::string_view bytes; ///< valid until the next read
  };
  result<chunk> read();

  /// Goes to this byte of what is stored, before anything is read. For a file that is known to be plain.
  result<void> go_to(std::uint64_t byte);
  /// Is it not compressed? Known once something was read.
  bool plain() const noexcept { return recognised_ && !gzip_; }
  /// Which file of this machine it is, as long as that is open.
  file_id id() const noexcept { return id_; }

  /// Bytes taken from the file so far.
  std::uint64_t offset() const noexcept { return offset_; }

private:
  struct inflater;

  input(std::string name, int descriptor, bool owned, bool regular);
  result<void> check_size() const;

  result<state> fill();
  result<chunk> next();
  result<chunk> next_of_gzip();
  failure broken(const std::string& how) const;

  const std::string name_;
  const int descriptor_;
  const bool owned_;
  const bool regular_;
  const bool rereadable_;
  std::shared_ptr<progress> shown_;

  std::vector<char> raw_; // [taken_, filled_) is read and not used
  std::size_t taken_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t before_ = 0;   // bytes of a regular file that were read before it was opened here
  std::uint64_t promised_ = 0; // bytes that a regular file had when it was opened
  file_id id_;
  bool at_end_ = false;

  bool recognised_ = false;
  std::unique_ptr<inflater> gzip_; // null: it is plain
  std::optional<failure> failed_;
};

} // namespace weir::files
