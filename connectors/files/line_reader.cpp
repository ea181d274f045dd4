#include <weir/connectors/files/line_reader.hpp>

#include <algorithm>

namespace weir::files {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::size_t worth_keeping = 64 * 1024; // bytes: a buffer beyond that is given back

/// The beginning of a text, not cut in the middle of a UTF-8 sequence.
std::string_view beginning(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes)
    return text;
  auto cut = bytes;
  while (cut > 0 && bytes - cut < 3 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U)
    --cut;
  return text.substr(0, cut);
}

} // namespace

result<line_reader::state> line_reader::fill() {
  auto chunk = from_->read();
  if (!chunk)
    return std::move(chunk.error());
  rest_ = chunk->bytes;
  switch (chunk->state) {
  case input::state::bytes:
    return state::more;
  case input::state::starved:
    return state::starved;
  case input::state::end:
    break;
  }
  return state::end;
}

/// A part of a line that goes on. Of a line that is too long, what shows that is enough: its beginning, and
/// room for what does not count.
void line_reader::keep(std::string_view part) {
  if (part.empty())
    return;
  const auto enough =
      std::max<std::uint64_t>(line_max_, oversized_kept) + byte_order_mark.size() + 1;
  if (kept_.size() < enough)
    kept_.append(part.substr(0, enough - kept_.size()));
  length_ += part.size();
  last_ = part.back();
}

/// Takes so many bytes of the input's chunk.
std::string_view line_reader::take(std::size_t bytes) {
  const auto taken = rest_.substr(0, bytes);
  rest_.remove_prefix(bytes);
  if (digests_)
    digest_.add(taken);
  return taken;
}

void line_reader::finish_kept(bool terminated, text_event& line) {
  end_bytes_ = terminated ? 1 : 0;
  if (terminated && last_ == '\r') {
    end_bytes_ = 2;
    if (kept_.size() == length_)
      kept_.pop_back();
    --length_;
  }
  finish(kept_, length_, terminated, line);
  kept_.clear();
  if (kept_.capacity() > worth_keeping)
    kept_.shrink_to_fit();
  length_ = 0;
}

void line_reader::finish(std::string_view text, std::uint64_t length, bool terminated,
                         text_event& line) {
  if (number_ == 0 && text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
    length -= byte_order_mark.size();
  }
  line.oversized = length > line_max_;
  line.text =
      line.oversized ? beginning(text, std::min<std::size_t>(oversized_kept, line_max_)) : text;
  line.number = ++number_;
  line.length = length;
  line.truncated_end = !terminated;
}

result<line_reader::state> line_reader::next(text_event& line) {
  for (;;) {
    if (rest_.empty()) {
      auto filled = fill();
      if (!filled)
        return filled;
      if (*filled == state::end && length_ > 0 && !(number_ == 0 && kept_ == byte_order_mark)) {
        finish_kept(false, line);
        return state::line;
      }
      if (*filled != state::more)
        return filled;
    }
    const auto end = rest_.find('\n');
    const bool ends = end != std::string_view::npos;
    const auto part = take(ends ? end + 1 : rest_.size()).substr(0, end);
    if (!ends) {
      keep(part);
    } else if (length_ > 0) {
      keep(part);
      finish_kept(true, line);
      return state::line;
    } else {
      const auto text = part.ends_with('\r') ? part.substr(0, part.size() - 1) : part;
      end_bytes_ = part.size() + 1 - text.size();
      finish(text, text.size(), true, line);
      return state::line;
    }
  }
}

result<line_reader::state> line_reader::skip_to(std::uint64_t number) {
  if (number_ >= number)
    return state::line;
  if (rest_.empty()) {
    auto filled = fill();
    if (!filled)
      return filled;
    if (*filled == state::end && length_ > 0) {
      length_ = 0;
      ++number_;
      return number_ == number ? state::line : state::end;
    }
    if (*filled != state::more)
      return filled;
  }
  std::size_t skipped = 0;
  auto reached = state::line;
  while (number_ < number) {
    const auto end = rest_.find('\n', skipped);
    if (end == std::string_view::npos) {
      length_ += rest_.size() - skipped;
      skipped = rest_.size();
      reached = state::more;
      break;
    }
    skipped = end + 1;
    length_ = 0;
    ++number_;
  }
  take(skipped);
  return reached;
}

} // namespace weir::files
