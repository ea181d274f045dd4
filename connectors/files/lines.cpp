#include <weir/connectors/files/lines.hpp>

#include <weir/connectors/files/input.hpp>
#include <weir/connectors/files/input_watch.hpp>
#include <weir/connectors/files/line_reader.hpp>

#include <filesystem>
#include <system_error>
#include <utility>

namespace weir::files {

/// What can't be read twice, for the copies of a source that come one after the other.
struct lines::stream {
  std::shared_ptr<line_reader> reader;
};

lines::lines(lines_options options)
    : options_{std::move(options)}, stream_{std::make_shared<stream>()} {}

std::string lines::partition() const {
  if (!options_.partition.empty())
    return options_.partition;
  auto known = identity(options_.path);
  return known ? std::move(*known) : absolute_path(options_.path); // which can't be opened either
}

bool lines::positions_last() const {
  std::error_code error;
  return options_.path != "-" && std::filesystem::is_regular_file(options_.path, error);
}

result<void> lines::on_start(context& where) {
  reader_ = stream_->reader;
  if (!reader_) {
    auto opened = input::open(options_.path, options_.progress);
    if (!opened)
      return std::move(opened.error());
    reader_ = std::make_shared<line_reader>(std::move(*opened), options_.line_max);
    if (!reader_->from().rereadable())
      stream_->reader = reader_;
  }
  if (!reader_->from().rereadable())
    watch_ = std::make_shared<input_watch>(reader_->from().descriptor(), where.source_waker());
  return {};
}

failure lines::ended_early(std::uint64_t position) const {
  return fatal(reader_->from().name() + ": has only " + std::to_string(reader_->number())
               + " lines, but was read up to line " + std::to_string(position)
               + " before: is it the same file?");
}

/// Skips what was settled in an earlier life, a chunk a turn.
result<source_state> lines::go_to(std::uint64_t position, const context& where) {
  if (reader_->number() > position)
    return fatal(reader_->from().name() + ": line " + std::to_string(position + 1)
                 + " was read and lost, and can't be read again");
  auto skipped = reader_->skip_to(position);
  if (!skipped)
    return std::move(skipped.error());
  switch (*skipped) {
  case line_reader::state::line:
    in_place_ = true;
    // A later restart does not change where this run began.
    if (options_.progress && position == options_.resume_after)
      options_.progress->bytes_at_start = reader_->from().offset();
    return source_state::more;
  case line_reader::state::starved:
    if (where.stopping().stop_requested())
      return source_state::more;
    watch_->arm();
    return source_state::wait;
  case line_reader::state::end:
    return ended_early(position);
  case line_reader::state::more:
    break;
  }
  return source_state::more;
}

result<source_state> lines::poll(intake<text_event>& in, context& where) {
  if (!in_place_)
    return go_to(where.last_position(), where);
  text_event line;
  while (in.room() > 0) {
    auto got = reader_->next(line);
    if (!got)
      return std::move(got.error());
    switch (*got) {
    case line_reader::state::line: {
      const auto number = line.number;
      in.put(std::move(line), number);
      break;
    }
    case line_reader::state::starved:
      watch_->arm();
      return source_state::wait;
    case line_reader::state::end:
      return source_state::done;
    case line_reader::state::more:
      break;
    }
  }
  return source_state::more;
}

} // namespace weir::files
