#pragma once

#include <weir/connectors/files/file_name.hpp>
#include <weir/connectors/files/lines_options.hpp>
#include <weir/connectors/text_event.hpp>
#include <weir/mailbox/position_mark.hpp>
#include <weir/mailbox/position_marks.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/partition_beginning.hpp>
#include <weir/stages/source.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// Files as sources: plain or compressed with gzip, told apart by their content.
namespace weir::files {

class input_watch;
class line_reader;

/// A source of the lines of a file, or of standard input. The position of a line is its number, from 1.
///
/// A line ends with "\n" or "\r\n"; the last one may lack it (text_event::truncated_end). A byte order mark at
/// the very beginning is skipped. Everything else is handed on as it is: empty lines, NUL bytes, broken UTF-8.
/// Where positions are kept, it goes on where the last life was, if the content up to there is the same. Another file at the
/// same path is read from its beginning, under a name of its own. A last line without its end that has more bytes now is
/// read again.
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
  /// Which of the known files it is, and where that goes on: see find_beginning.
  result<partition_beginning> begins(const known_partitions& known);
  /// New ones, for one life of a pipeline.
  std::shared_ptr<internal::position_marks> marks();

  result<void> on_start(context& where);
  result<source_state> poll(intake<text_event>& in, context& where);

private:
  struct stream;

  result<source_state> go_to(std::uint64_t position, const context& where);
  result<source_state> read(intake<text_event>& in, std::vector<position_mark>& fresh);
  result<void> reopen(std::uint64_t position);
  result<void> check_place(std::uint64_t position) const;
  failure ended_early(std::uint64_t position) const;

  lines_options options_;
  std::shared_ptr<stream> stream_; // shared by all copies
  // Of the copy that works.
  std::shared_ptr<line_reader> reader_;
  std::shared_ptr<input_watch> watch_;
  bool in_place_ = false;
};

} // namespace weir::files
