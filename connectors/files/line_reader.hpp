#pragma once

#include <weir/connectors/files/content_digest.hpp>
#include <weir/connectors/files/input.hpp>
#include <weir/connectors/text_event.hpp>
#include <weir/mailbox/position_mark.hpp>

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
      : from_{std::move(from)}, line_max_{line_max}, digests_{from_->rereadable()} {}
  /// Goes on behind line `number` of an input that is there already; the digest is of what lies before.
  line_reader(std::unique_ptr<input> from, std::uint64_t line_max, std::uint64_t number,
              const content_digest& before)
      : from_{std::move(from)},
        line_max_{line_max},
        digests_{from_->rereadable()},
        number_{number},
        digest_{before} {}

  const input& from() const noexcept { return *from_; }
  /// Of the last line that was read or skipped.
  std::uint64_t number() const noexcept { return number_; }

  /// What is known by now of the content, up to and with the last line that was read or skipped. Of what can't be
  /// read twice nothing is known: then it has no bytes.
  position_mark mark() const noexcept {
    return {.position = number_, .bytes = digest_.bytes(), .digest = digest_.value()};
  }
  /// The bytes of the content before the end of the last line that was read, without that end.
  std::uint64_t bytes_of_text() const noexcept { return digest_.bytes() - end_bytes_; }

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
  std::string_view take(std::size_t bytes);
  void finish(std::string_view text, std::uint64_t length, bool terminated, text_event& line);
  void finish_kept(bool terminated, text_event& line);

  const std::unique_ptr<input> from_;
  const std::uint64_t line_max_;
  const bool digests_;
  std::string_view rest_; // of the input's chunk
  std::uint64_t number_ = 0;
  content_digest digest_;       // of all that was taken
  std::uint64_t end_bytes_ = 0; // of the end of the last line: 0 where there is none
  // Of a line that began in an earlier chunk.
  std::string kept_;         // how it begins
  std::uint64_t length_ = 0; // bytes
  char last_ = '\0';
};

} // namespace weir::files
