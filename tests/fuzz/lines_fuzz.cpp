#include "fuzz.hpp"

#include <weir/connectors/files/input.hpp>
#include <weir/connectors/files/line_reader.hpp>

#include <memory>

#include <zlib.h>

/// Lines of files, plain and gzip.
namespace {

using weir::files::line_reader;

constexpr std::uint64_t line_max = 100;

std::string compressed(std::string_view text) {
  z_stream stream{};
  fuzz::require(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK,
                "zlib compresses");
  std::string made(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(made.data());
  stream.avail_out = static_cast<uInt>(made.size());
  deflate(&stream, Z_FINISH);
  made.resize(stream.total_out);
  deflateEnd(&stream);
  return made;
}

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1F\x8B"); }

line_reader reader_of(const fuzz::memory_file& file) {
  auto opened = weir::files::input::open(file.path(), nullptr);
  fuzz::require(bool{opened}, "a file can be opened");
  return line_reader{std::move(*opened), line_max};
}

} // namespace

std::vector<std::string> fuzz::corpus() {
  const std::string mark = "\xEF\xBB\xBF";
  const std::string text = "{\"id\": \"a\"}\n\n\xEF\xBB\xBFtwo\r\nthree \xC3\xA4\r\n"
                           + std::string(150, 'x') + "\r\n" + std::string{"\0nul\n", 5} + "last";
  return {text,
          "",
          "\n",
          mark + "first\nsecond",
          std::string(300, 'y'),
          compressed(text),
          compressed(text) + compressed("more\n"),
          compressed(std::string(20'000, 'z') + "\n"),
          compressed(""),
          compressed(text) + "trailing"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto whole = fuzz::text_of(bytes, size);
  const fuzz::memory_file file{whole};
  auto reader = reader_of(file);
  weir::text_event line;
  std::uint64_t lines = 0;
  std::uint64_t length = 0;
  bool failed = false;
  for (;;) {
    const auto next = reader.next(line);
    if (!next) {
      fuzz::require(!next.error().message().empty(), "a failure says why");
      fuzz::require(!reader.next(line), "a failure stays");
      failed = true;
      break;
    }
    if (*next == line_reader::state::end)
      break;
    fuzz::require(*next == line_reader::state::line, "a file never starves");
    fuzz::require(line.number == ++lines, "lines are counted");
    fuzz::require(line.text.size() <= line_max, "no line is kept beyond its limit");
    fuzz::require(line.oversized ? line.length > line_max : line.length == line.text.size(),
                  "a line knows its length");
    fuzz::require(line.text.find('\n') == std::string::npos, "a line is one line");
    length += line.length;
  }
  if (!is_gzip(whole)) {
    fuzz::require(!failed, "a plain file has no damage");
    fuzz::require(length <= size, "nothing is there that was not in the file");
  }

  // Who skips arrives where who reads does.
  if (!failed && lines > 1) {
    auto second = reader_of(file);
    for (;;) {
      const auto there = second.skip_to(lines - 1);
      fuzz::require(bool{there}, "what can be read can be skipped");
      fuzz::require(*there != line_reader::state::end, "it is not over before its last line");
      if (*there == line_reader::state::line)
        break;
    }
    weir::text_event again;
    const auto next = second.next(again);
    fuzz::require(next && *next == line_reader::state::line, "the last line is there again");
    fuzz::require(again == line, "and the same");
  }
  return 0;
}
