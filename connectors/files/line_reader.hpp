#pragma once

#include <weir/connectors/files/input.hpp>
#include <weir/connectors/text_event.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace weir::files {

/// Cuts an input into lines.
///
/// Owner: one thread at a time.
/// Invariants: memory stays within the input's chunk and `line_max`, whatever the length of a line.
class line_reader {
public:
  line_reader(std::unique_ptr<input> from, std::uint64_t line_max)
      : from_{std::move(from)}, line_max_{line_max} {}

  const input& from() const noexcept { return *from_; }
  /// Of the last line that was read or skipped.
  std::uint64_t number() const noexcept { return number_; }

  enum class state {
    line,    ///< read, or: the line asked for is reached
    more,    ///< of skip: not there yet
    starved, ///< wait until the input is readable
    end
  };
  result<state> next(text_event& line);

  /// Goes on towards the end of line `number`, a chunk at a time.
  result<state> skip_to(std::uint64_t number);

private:
  result<state> fill();
  void keep(std::string_view part);
  void finish(std::string_view text, std::uint64_t length, bool terminated, text_event& line);
  void finish_kept(bool terminated, text_event& line);

  const std::unique_ptr<input> from_;
  const std::uint64_t line_max_;
  std::string_view rest_; // of the input's chunk
  std::uint64_t number_ = 0;
  // Of a line that began in an earlier chunk.
  std::string kept_;         // how it begins
  std::uint64_t length_ = 0; // bytes
  char last_ = '\0';
};

} // namespace weir::files
