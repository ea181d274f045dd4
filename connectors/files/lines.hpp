#pragma once

#include <weir/connectors/files/lines_options.hpp>
#include <weir/connectors/text_event.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/source.hpp>

#include <cstdint>
#include <memory>
#include <string>

/// Files as sources: plain or compressed with gzip, told apart by their content.
namespace weir::files {

class input_watch;
class line_reader;

/// A source of the lines of a file, or of standard input. The position of a line is its number, from 1.
///
/// A line ends with "\n" or "\r\n"; the last one may lack it (text_event::truncated_end). A byte order mark at
/// the very beginning is skipped. Everything else is handed on as it is: empty lines, NUL bytes, broken UTF-8.
/// Started anew, it goes on behind the last line that was put: a file is read again up to there; what can't
/// be read twice (standard input, a pipe) stays open meanwhile, shared by the copies of this source.
///
/// Owner: its worker. It never waits for a pipe or a terminal, it is woken; a disk may block, so give it
/// execution::own_thread.
/// Bounded: two chunks of 256 KiB, and what `line_max` says.
/// Failure: fatal, with the path and, in a gzip file, the byte. Whole lines before it are delivered first.
class lines {
public:
  using output = text_event;

  explicit lines(lines_options options);

  std::string partition() const;
  std::uint64_t resume_after() const { return options_.resume_after; }
  /// Is it a file, which can be read again in another life?
  bool positions_last() const;

  result<void> on_start(context& where);
  result<source_state> poll(intake<text_event>& in, context& where);

private:
  struct stream;

  result<source_state> go_to(std::uint64_t position, const context& where);
  failure ended_early(std::uint64_t position) const;

  lines_options options_;
  std::shared_ptr<stream> stream_; // shared by all copies
  // Of the copy that works.
  std::shared_ptr<line_reader> reader_;
  std::shared_ptr<input_watch> watch_;
  bool in_place_ = false;
};

/// What a file's positions may be stored under: its absolute path and a checksum of its first 4 KiB as they are
/// stored, so that a file that was replaced by another is not resumed in the middle. "stdin" for "-"; of what
/// can't be read twice, the path alone.
result<std::string> identity(const std::string& path);

} // namespace weir::files
