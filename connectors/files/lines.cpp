#include <weir/connectors/files/lines.hpp>

#include <weir/connectors/files/file_beginning.hpp>
#include <weir/connectors/files/file_name.hpp>
#include <weir/connectors/files/input.hpp>
#include <weir/connectors/files/input_watch.hpp>
#include <weir/connectors/files/line_reader.hpp>
#include <weir/stages/partitions.hpp>

#include <utility>

namespace weir::files {

/// What the copies of a source share that come one after the other.
struct lines::stream {
  std::shared_ptr<line_reader> reader; // of what can't be read twice
  std::shared_ptr<internal::position_marks> marks = std::make_shared<internal::position_marks>();
  file_beginning beginning; // of a file
  bool begun = false;       // is it in place?
};

lines::lines(lines_options options)
    : options_{std::move(options)}, stream_{std::make_shared<stream>()} {}

std::string lines::partition() const {
  if (!options_.partition.empty())
    return options_.partition;
  auto known = identity(options_.path);
  return known ? std::move(*known) : absolute_path(options_.path); // which can't be opened either
}

bool lines::positions_last() const { return options_.path != "-" && has_a_name(options_.path); }

std::shared_ptr<internal::position_marks> lines::marks() {
  stream_->marks = std::make_shared<internal::position_marks>();
  stream_->beginning = {};
  stream_->begun = false;
  return stream_->marks;
}

result<partition_beginning> lines::begins(const known_partitions& known) {
  auto found = find_beginning(options_, known);
  if (!found)
    return std::move(found.error());
  stream_->marks->begin(found->mark);
  stream_->beginning = std::move(*found);
  return stream_->beginning.where;
}

result<void> lines::on_start(context& where) {
  reader_ = stream_->reader;
  if (!reader_)
    if (auto opened = reopen(where.last_position()); !opened)
      return opened;
  if (!reader_->from().rereadable()) {
    stream_->reader = reader_;
    watch_ = std::make_shared<input_watch>(reader_->from().descriptor(), where.source_waker());
  }
  return {};
}

/// Goes to where it was found to go on, if that is still the same file.
result<void> lines::reopen(std::uint64_t position) {
  auto opened = input::open(options_.path, options_.progress);
  if (!opened)
    return std::move(opened.error());
  const auto& place = stream_->beginning.place;
  if (place && place->line == position && (*opened)->id() == place->file) {
    if (auto there = (*opened)->go_to(place->before.bytes()); !there)
      return there;
    reader_ = std::make_shared<line_reader>(std::move(*opened), options_.line_max, place->line,
                                            place->before);
  } else {
    reader_ = std::make_shared<line_reader>(std::move(*opened), options_.line_max);
  }
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
    if (auto same = check_place(position); !same)
      return std::move(same.error());
    in_place_ = true;
    // A later restart does not change where this run began.
    if (options_.progress && !std::exchange(stream_->begun, true))
      options_.progress->bytes_at_start = position == 0 ? 0 : reader_->from().offset();
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

/// Is what was skipped what was read before?
result<void> lines::check_place(std::uint64_t position) const {
  const auto before = stream_->marks->at(position);
  const auto now = reader_->mark();
  if (before.empty() || now == before)
    return {};
  return fatal(reader_->from().name() + ": was changed: up to line " + std::to_string(position)
               + " it had " + std::to_string(before.bytes) + " bytes when it was read, and "
               + (now.bytes == before.bytes ? "has others now"
                                            : "has " + std::to_string(now.bytes) + " now"));
}

result<source_state> lines::poll(intake<text_event>& in, context& where) {
  if (!in_place_)
    return go_to(where.last_position(), where);
  std::vector<position_mark> fresh;
  auto said = read(in, fresh);
  if (!fresh.empty()) {
    auto& partitions = where.partitions();
    stream_->marks->add(fresh, partitions.settled(partitions.all().front()));
  }
  return said;
}

result<source_state> lines::read(intake<text_event>& in, std::vector<position_mark>& fresh) {
  const auto& open = stream_->beginning.open;
  text_event line;
  while (in.room() > 0) {
    auto got = reader_->next(line);
    if (!got)
      return std::move(got.error());
    switch (*got) {
    case line_reader::state::line: {
      const auto number = line.number;
      if (number == open.number && reader_->bytes_of_text() <= open.bytes)
        break; // it was settled as it is
      if (reader_->from().rereadable())
        fresh.push_back(reader_->mark());
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
