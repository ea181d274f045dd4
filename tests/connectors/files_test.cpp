#include "../temporary_folder.hpp"
#include "../threads.hpp"
#include "gzip.hpp"

#include <weir/connectors/files/line_reader.hpp>
#include <weir/connectors/files/lines.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace weir_test;
using weir::text_event;
using state = weir::running_pipeline::state;
namespace files = weir::files;
namespace fs = std::filesystem;

namespace {

class Files : public testing::Test, protected temporary_folder {};

std::string numbered(std::size_t first, std::size_t last) {
  std::string text;
  for (auto n = first; n <= last; ++n)
    text += "line " + std::to_string(n) + "\n";
  return text;
}

std::vector<std::string> texts(const std::vector<text_event>& lines) {
  std::vector<std::string> all;
  all.reserve(lines.size());
  for (const auto& one : lines)
    all.push_back(one.text);
  return all;
}
std::vector<std::string> numbered_texts(std::size_t first, std::size_t last) {
  std::vector<std::string> all;
  for (auto n = first; n <= last; ++n)
    all.push_back("line " + std::to_string(n));
  return all;
}

weir::pipeline reading(files::lines_options options, const collected<text_event>& into,
                       weir::pipeline_options how = restarting(0)) {
  weir::pipeline made{"reading", how};
  made.from("read", files::lines{std::move(options)}, {.execution = weir::execution::own_thread})
      .to("keep", into.sink());
  return made;
}

std::vector<text_event> lines_of(files::lines_options options) {
  collected<text_event> kept;
  run(reading(std::move(options), kept));
  return kept.items();
}
std::vector<text_event> all_of(const std::string& path) {
  return lines_of(files::lines_options{.path = path});
}

/// Why a pipeline failed.
std::string failure_of(files::lines_options options) {
  collected<text_event> kept;
  running pipeline{reading(std::move(options), kept)};
  EXPECT_EQ(pipeline.ended(), state::failed);
  return pipeline->why().message();
}

/// What was read before a failure, and the failure. A pipeline that fails does not wait for what is on its way, so
/// here the supervisor takes its time.
struct ending {
  std::vector<std::string> read;
  std::string why;
};
ending end_of(files::lines_options options) {
  auto patient = restarting();
  patient.supervision.delays = {.delay_min = 1h, .delay_max = 1h};
  collected<text_event> kept;
  running pipeline{reading(std::move(options), kept, patient)};
  EXPECT_EQ(pipeline.ledger().in_flight, 0U);
  return {texts(kept.items()), pipeline.stage("read").last_failure};
}

/// Standard input is the reading end of a pipe as long as this lives.
class standard_input {
public:
  standard_input() : before_{::dup(STDIN_FILENO)} {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    writing_ = ends[1];
  }
  ~standard_input() {
    end();
    ::dup2(before_, STDIN_FILENO);
    ::close(before_);
  }
  void write(std::string_view text) const {
    while (!text.empty()) {
      const auto count = ::write(writing_, text.data(), text.size());
      ASSERT_GT(count, 0);
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  void end() {
    if (writing_ >= 0)
      ::close(writing_);
    writing_ = -1;
  }

private:
  const int before_;
  int writing_ = -1;
};

/// The most memory that was resident since `forget_peak`, in KiB.
long peak_kib() {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:"))
      return std::stol(line.substr(6));
  return -1;
}
bool forget_peak() {
  std::ofstream file{"/proc/self/clear_refs"};
  file << "5" << std::flush;
  return file.good();
}

text_event line(std::string text, std::uint64_t number) {
  const auto length = text.size();
  return {.text = std::move(text), .number = number, .length = length};
}

} // namespace

namespace weir {

std::ostream& operator<<(std::ostream& out, const text_event& event) {
  return out << event.number << " '" << event.text.substr(0, 60) << "' of " << event.length
             << (event.truncated_end ? " truncated" : "") << (event.oversized ? " oversized" : "");
}

} // namespace weir

// --- what a line is ------------------------------------------------------------------------------

TEST_F(Files, LinesAreNumberedFromOneAndLoseTheirEnds) {
  const auto file = write("in", std::string{"one\r\n\ntwo\rthree\n\r\nfo\0ur\n", 24});
  EXPECT_EQ(all_of(file), (std::vector{line("one", 1), line("", 2), line("two\rthree", 3),
                                       line("", 4), line(std::string{"fo\0ur", 5}, 5)}));
}

TEST_F(Files, ALastLineWithoutALineEndIsDeliveredAndMarked) {
  auto last = line("{\"id\": \"b", 2);
  last.truncated_end = true;
  EXPECT_EQ(all_of(write("in", "{\"id\": \"a\"}\n{\"id\": \"b")),
            (std::vector{line("{\"id\": \"a\"}", 1), last}));
}

TEST_F(Files, AnEmptyFileHasNoLines) {
  EXPECT_TRUE(all_of(write("empty", "")).empty());
  EXPECT_TRUE(all_of(write("empty.gz", gzip(""))).empty());
  EXPECT_TRUE(all_of("/dev/null").empty());
}

TEST_F(Files, AByteOrderMarkIsSkippedAtTheVeryBeginningOnly) {
  const std::string mark = "\xEF\xBB\xBF";
  EXPECT_EQ(all_of(write("in", mark + "one\n" + mark + "two\n")),
            (std::vector{line("one", 1), line(mark + "two", 2)}));
  EXPECT_EQ(all_of(write("in.gz", gzip(mark + "one\n"))), (std::vector{line("one", 1)}));
  EXPECT_TRUE(all_of(write("mark", mark)).empty());
  EXPECT_EQ(all_of(write("mark", mark + "\n")), (std::vector{line("", 1)}));
}

TEST_F(Files, ALineLongerThanTheLimitIsCutAndSaysItsLength) {
  const std::string fits(5000, 'a');
  const std::string too_long(5001, 'b');
  const auto file = write("in", fits + "\r\n" + too_long + "\n" + too_long);
  auto cut = line(too_long.substr(0, files::oversized_kept), 2);
  cut.oversized = true;
  cut.length = 5001;
  auto last = cut;
  last.number = 3;
  last.truncated_end = true;
  EXPECT_EQ(lines_of({.path = file, .line_max = 5000}), (std::vector{line(fits, 1), cut, last}));
}

TEST_F(Files, ACutLineEndsWithAWholeCharacter) {
  std::string snowmen;
  while (snowmen.size() < 6000)
    snowmen += "☃"; // three bytes, and 4096 is no multiple of three
  const auto lines = lines_of({.path = write("in", snowmen + "\n"), .line_max = 5000});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].text, snowmen.substr(0, 4095));
}

TEST_F(Files, ALineOf50MegabytesTakesBoundedMemory) {
  const auto file = path("long");
  const auto packed = path("long.gz");
  {
    std::ofstream plain{file, std::ios::binary};
    std::ofstream gz{packed, std::ios::binary};
    plain << "before\n";
    gz << gzip("before\n");
    const std::string megabyte(1'000'000, 'x');
    const auto packed_megabyte = gzip(megabyte);
    for (int k = 0; k < 50; ++k) {
      plain << megabyte;
      gz << packed_megabyte;
    }
    plain << "\nafter\n";
    gz << gzip("\nafter\n");
  }
  all_of(write("warm-up", numbered(1, 1000))); // a node, and the arenas of its memory
  for (const auto& one : {file, packed}) {
    if (!forget_peak())
      GTEST_SKIP() << "the peak of the memory can't be reset here";
    const auto before = peak_kib();
    const auto lines = all_of(one);
    EXPECT_LT(peak_kib() - before, 12 * 1024) << "KiB, for " << one;
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[1].text, std::string(files::oversized_kept, 'x'));
    EXPECT_TRUE(lines[1].oversized);
    EXPECT_EQ(lines[1].length, 50'000'000U);
    EXPECT_EQ(lines[2], line("after", 3));
  }
}

/// Whatever the chunks are, the lines are those of a plain loop over the whole text.
TEST_F(Files, LinesThatCrossChunksAreWhole) {
  std::minstd_rand random{7};
  std::string content;
  std::vector<std::string> expected;
  for (int k = 0; k < 3000; ++k) {
    const std::size_t longest = k % 100 == 0 ? 300'000 : 300;
    std::string text(random() % longest, static_cast<char>('a' + k % 26));
    content += text + (random() % 2 == 0 ? "\r\n" : "\n");
    expected.push_back(std::move(text));
  }
  EXPECT_EQ(texts(all_of(write("in", content))), expected);
  EXPECT_EQ(texts(all_of(write("in.gz", gzip(content)))), expected);
  std::string members; // not compressed, so that they cross the chunks of the file too
  for (std::size_t at = 0; at < content.size(); at += 100'003)
    members += gzip(content.substr(at, 100'003), 0);
  EXPECT_EQ(texts(all_of(write("in.gz", members))), expected);
}

// --- gzip ----------------------------------------------------------------------------------------

TEST_F(Files, GzipIsRecognisedByItsContentAndMayHaveSeveralMembers) {
  const auto packed =
      gzip(numbered(1, 10)) + gzip("") + gzip(numbered(11, 20)) + std::string(512, '\0');
  EXPECT_EQ(texts(all_of(write("plain.name", packed))), numbered_texts(1, 20));
  EXPECT_EQ(texts(all_of(write("no.gz", numbered(1, 3)))), numbered_texts(1, 3));
  EXPECT_EQ(texts(all_of(write("half-magic", "\x1F"))), std::vector<std::string>{"\x1F"});
}

TEST_F(Files, TruncatedGzipIsAFatalFailureAfterAllWholeLines) {
  auto packed = gzip(numbered(1, 20'000));
  packed.resize(packed.size() / 2);
  const auto file = write("cut.gz", packed);
  const auto [read, why] = end_of({.path = file});
  ASSERT_GT(read.size(), 1000U);
  EXPECT_EQ(read, numbered_texts(1, read.size()));
  EXPECT_THAT(
      why, testing::HasSubstr(file + ": the gzip data is truncated: it ends in the middle, at byte "
                              + std::to_string(packed.size())));
}

TEST_F(Files, CorruptGzipIsAFatalFailureAfterAllWholeLines) {
  const auto good = gzip(numbered(1, 10));
  auto bad = gzip(numbered(11, 20));
  bad[bad.size() - 8] ^= 1; // of its checksum
  const auto file = write("bad.gz", good + bad + good);
  const auto [read, why] = end_of({.path = file});
  EXPECT_EQ(read, numbered_texts(1, 20));
  EXPECT_THAT(
      why, testing::HasSubstr(file + ": the gzip data is corrupt (incorrect data check) at byte "));
  const auto at = std::stoul(why.substr(why.rfind(' ') + 1));
  EXPECT_GE(at, good.size() + bad.size() - 8);
  EXPECT_LE(at, good.size() + bad.size());
}

TEST_F(Files, WhatFollowsAGzipMemberAndIsNoneIsAFailure) {
  const auto [read, why] = end_of({.path = write("in.gz", gzip("one\n") + "two\n")});
  EXPECT_EQ(read, std::vector<std::string>{"one"});
  EXPECT_THAT(why, testing::HasSubstr("the gzip data is corrupt (incorrect header check) at byte"));
}

// --- going on ------------------------------------------------------------------------------------

TEST_F(Files, ReadingGoesOnBehindTheLastSettledLine) {
  for (const auto& file :
       {write("in", numbered(1, 100'000)), write("in.gz", gzip(numbered(1, 100'000)))}) {
    const auto lines = lines_of({.path = file, .resume_after = 99'998});
    EXPECT_EQ(lines, (std::vector{line("line 99999", 99'999), line("line 100000", 100'000)}));
  }
}

TEST_F(Files, NothingIsReadAgainOnceAllIsSettled) {
  EXPECT_TRUE(lines_of({.path = write("in", numbered(1, 10)), .resume_after = 10}).empty());
  EXPECT_TRUE(
      lines_of({.path = write("in", numbered(1, 10) + "rest"), .resume_after = 11}).empty());
}

TEST_F(Files, AFileThatBecameShorterIsNotTakenForFinished) {
  const auto file = write("in", numbered(1, 10));
  EXPECT_THAT(
      failure_of({.path = file, .resume_after = 11}),
      testing::HasSubstr(
          file + ": has only 10 lines, but was read up to line 11 before: is it the same file?"));
}

/// With a stage that fails now and then, under a strategy that restarts the source with it.
template <class Running = running>
void expect_all_lines_in_spite_of_restarts(const std::string& path, std::size_t count) {
  collected<std::string> kept;
  weir::pipeline made{"reading", restarting(1000, weir::one_for_all)};
  auto crashes = std::make_shared<int>(0);
  made.from("read", files::lines{{.path = path}}, {.mailbox_capacity = 16})
      .via("trip",
           [crashes](const text_event& one) {
             if (one.number % 97 == 0 && (*crashes)++ % 2 == 0)
               throw std::runtime_error{"now and then"};
             return one.text;
           },
           {.retry = at_once()})
      .to("keep", kept.sink());
  made.dead_letters_to(weir::dead_letters::memory{});
  Running pipeline{std::move(made)};
  pipeline.finishes();
  EXPECT_GT(pipeline.stage("read").restarts, 5U);
  EXPECT_EQ(kept.items(), numbered_texts(1, count));
}

TEST_F(Files, ARestartedSourceGoesOnWhereItWas) {
  expect_all_lines_in_spite_of_restarts(write("in", numbered(1, 2000)), 2000);
  expect_all_lines_in_spite_of_restarts(write("in.gz", gzip(numbered(1, 2000))), 2000);
}

TEST_F(Files, ARestartedSourceGoesOnWithTheStandardInputItHad) {
  standard_input input;
  std::thread writer{[&] {
    input.write(numbered(1, 2000));
    input.end();
  }};
  expect_all_lines_in_spite_of_restarts<running_on_threads>("-", 2000);
  writer.join();
}

// --- standard input ------------------------------------------------------------------------------
// Pipes are of the system, which takes its own time: these run on threads.

TEST_F(Files, StandardInputIsReadAsItComes) {
  standard_input input;
  collected<text_event> kept;
  running_on_threads pipeline{reading({.path = "-"}, kept)};
  input.write("one\ntw");
  EXPECT_TRUE(eventually([&] { return kept.size() == 1; }));
  input.write("o\n");
  EXPECT_TRUE(eventually([&] { return kept.size() == 2; }));
  input.write("three");
  input.end();
  pipeline.finishes();
  EXPECT_EQ(texts(kept.items()), (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_TRUE(kept.items().back().truncated_end);
}

TEST_F(Files, StandardInputMayBeGzipByteByByte) {
  standard_input input;
  collected<text_event> kept;
  running_on_threads pipeline{reading({.path = "-"}, kept)};
  for (const char byte : gzip(numbered(1, 3)) + gzip(numbered(4, 6)))
    input.write({&byte, 1});
  input.end();
  pipeline.finishes();
  EXPECT_EQ(texts(kept.items()), numbered_texts(1, 6));
}

TEST_F(Files, ADrainEndsTheWaitForStandardInput) {
  for (const auto how : {weir::execution::own_thread, weir::execution::shared}) {
    standard_input input;
    collected<text_event> kept;
    weir::pipeline made{"reading"};
    made.from("read", files::lines{{.path = "-"}}, {.execution = how}).to("keep", kept.sink());
    running_on_threads pipeline{std::move(made)};
    input.write("one\ntwo\nthr");
    ASSERT_TRUE(eventually([&] { return kept.size() == 2; }));
    pipeline->drain();
    pipeline.finishes();
    EXPECT_EQ(texts(kept.items()), (std::vector<std::string>{"one", "two"}));
  }
}

TEST_F(Files, AnAbortEndsTheWaitForStandardInput) {
  standard_input input;
  collected<text_event> kept;
  running_on_threads pipeline{reading({.path = "-"}, kept)};
  input.write("one\n");
  ASSERT_TRUE(eventually([&] { return kept.size() == 1; }));
  pipeline->abort();
  EXPECT_EQ(pipeline.ended(), state::failed);
}

TEST_F(Files, ANamedPipeIsReadLikeStandardInput) {
  const auto pipe = path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  collected<text_event> kept;
  running_on_threads pipeline{reading({.path = pipe}, kept)};
  std::ofstream writer{pipe};
  writer << numbered(1, 3) << std::flush;
  EXPECT_TRUE(eventually([&] { return kept.size() == 3; }));
  writer.close();
  pipeline.finishes();
  EXPECT_EQ(texts(kept.items()), numbered_texts(1, 3));
}

// --- what it says --------------------------------------------------------------------------------

TEST_F(Files, WhatCantBeOpenedSaysWhichAndWhy) {
  const auto missing = path("missing");
  EXPECT_THAT(failure_of({.path = missing}),
              testing::HasSubstr(missing + ": can't be opened: No such file or directory"));
  EXPECT_THAT(failure_of({.path = fs::path{missing}.parent_path()}),
              testing::HasSubstr("is a directory; expected a file"));
  EXPECT_THAT(failure_of({.path = ""}), testing::HasSubstr("the path of an input is empty"));
}

TEST_F(Files, AFileThatMayNotBeReadSaysSo) {
  if (::geteuid() == 0)
    GTEST_SKIP() << "root may read everything";
  const auto secret = write("secret", "x");
  fs::permissions(secret, fs::perms::none);
  EXPECT_THAT(failure_of({.path = secret}),
              testing::HasSubstr(secret + ": can't be opened: Permission denied"));
}

TEST_F(Files, TheLaneIsTheAbsolutePath) {
  EXPECT_EQ(files::lines{{.path = "some/file"}}.partition(), fs::current_path() / "some/file");
  EXPECT_EQ(files::lines{{.path = "-"}}.partition(), "stdin");
  EXPECT_EQ((files::lines{{.path = "-", .partition = "input"}}.partition()), "input");
}

TEST_F(Files, ProgressCountsTheBytesOfTheFileAsItIsStored) {
  const auto packed = gzip(numbered(1, 200'000));
  const auto file = write("in.gz", packed);
  const auto shown = std::make_shared<files::progress>();
  lines_of({.path = file, .progress = shown});
  EXPECT_EQ(shown->bytes_total, packed.size());
  EXPECT_EQ(shown->bytes_read, packed.size());
  EXPECT_EQ(shown->bytes_at_start, 0U);
  lines_of({.path = file, .resume_after = 200'000, .progress = shown});
  EXPECT_EQ(shown->bytes_at_start, packed.size());
}

TEST_F(Files, TheIdentityOfAFileChangesWithItsBeginningAndNotWithItsEnd) {
  const auto id = [](const std::string& path) {
    auto made = files::identity(path);
    return made ? *made : "failed: " + made.error().message();
  };
  const auto file = write("in", numbered(1, 1000));
  const auto before = id(file);
  EXPECT_TRUE(before.starts_with(file + "#")) << before;
  EXPECT_EQ(before.size(), file.size() + 9);
  write("in", numbered(1, 2000));
  EXPECT_EQ(id(file), before);
  write("in", numbered(2, 2000));
  EXPECT_NE(id(file), before);
  EXPECT_EQ(id("-"), "stdin");
  EXPECT_EQ(id("/dev/null"), "/dev/null");
  EXPECT_EQ(id(path("missing")),
            "failed: " + path("missing") + ": can't be read: No such file or directory");
}
