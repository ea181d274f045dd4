#include <weir/node/report.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using weir::internal::charset;

weir::pipeline_report some_pipeline() {
  return {
      .pipeline = "events",
      .elapsed_seconds = 20.42134567,
      .ledger = {.admitted = 10'000, .acknowledged = 9'799, .filtered = 1, .dead_lettered = 200},
      .stages =
          {{.stage = "read", .processed = 10'000, .busy = 0.01, .blocked = 0.95, .idle = 0.04},
           {.stage = "parse",
            .processed = 10'000,
            .failed = 200,
            .restarts = 3,
            .busy = 0.5,
            .blocked = 0.25,
            .idle = 0.25,
            .latency = {.p50 = 1.2e-6, .p99 = 0.31},
            .backlog_max = 1'024,
            .mailbox_capacity = 1'024}},
      .dead_letter_causes = {{.stage = "parse", .cause = "not JSON", .count = 150},
                             {.stage = "parse", .cause = "the id is missing", .count = 50}}};
}

weir::run_report some_run() {
  return {.pipelines = {some_pipeline()},
          .outcome = {.exit_code = 0, .sentence = "drained and balanced"}};
}

std::string one_line(std::string json) {
  std::string made;
  for (const char one : json)
    if (one != '\n' && one != ' ')
      made += one;
  return made;
}

TEST(ReportAsJson, OfOnePipelineHasTheKeysInTheirOrder) {
  EXPECT_EQ(
      one_line(to_json(some_run())),
      R"({"pipeline":"events","elapsed_seconds":20.421346,)"
      R"("ledger":{"admitted":10000,"replayed":0,"acknowledged":9799,"filtered":1,"dropped":0,)"
      R"("dead_lettered":200,"returned":0,"in_flight":0},)"
      R"("stages":[{"stage":"read","processed":10000,"failed":0,"restarts":0,"busy":0.01,"blocked":0.95,)"
      R"("idle":0.04,"latency_seconds":{"p50":0.0,"p99":0.0},"backlog_max":0,"mailbox_capacity":0},)"
      R"({"stage":"parse","processed":10000,"failed":200,"restarts":3,"busy":0.5,"blocked":0.25,)"
      R"("idle":0.25,"latency_seconds":{"p50":1.2e-06,"p99":0.31},"backlog_max":1024,)"
      R"("mailbox_capacity":1024}],)"
      R"("dead_letter_causes":[{"stage":"parse","cause":"notJSON","count":150},)"
      R"({"stage":"parse","cause":"theidismissing","count":50}],"abandoned":[],"hanging":[],)"
      R"("outcome":{"exit_code":0,"sentence":"drainedandbalanced"}})");
}

TEST(ReportAsJson, NamesTheRunsThatWereGivenUpAndStillGoOn) {
  auto report = some_run();
  report.pipelines.front().abandoned = {{.stage = "parse", .worker = "parse/1", .seconds = 12.5}};
  const std::string expected =
      R"("abandoned":[{"stage":"parse","worker":"parse/1","seconds":12.5}])";
  EXPECT_NE(one_line(to_json(report)).find(expected), std::string::npos);
  EXPECT_NE(to_text(report, charset::ascii).find("parse/1, abandoned 12.5 s ago"),
            std::string::npos)
      << to_text(report, charset::ascii);
  EXPECT_EQ(to_text(some_run(), charset::ascii).find("abandoned"), std::string::npos);
}

TEST(ReportAsJson, NamesTheWorkersInCallsThatDidNotReturn) {
  auto report = some_run();
  report.pipelines.front().hanging = {{.stage = "parse", .worker = "parse/1", .seconds = 12.5}};
  const std::string expected = R"("hanging":[{"stage":"parse","worker":"parse/1","seconds":12.5}])";
  EXPECT_NE(one_line(to_json(report)).find(expected), std::string::npos);
  EXPECT_NE(to_text(report, charset::ascii).find("parse/1, busy for 12.5 s"), std::string::npos)
      << to_text(report, charset::ascii);
  EXPECT_EQ(to_text(some_run(), charset::ascii).find("has not returned"), std::string::npos);
}

TEST(ReportAsJson, OfSeveralPipelinesIsAList) {
  weir::run_report report{.pipelines = {{.pipeline = "a"}, {.pipeline = "b"}},
                          .outcome = {.exit_code = 3, .sentence = "late"}};
  const std::string rest =
      R"(,"elapsed_seconds":0.0,"ledger":{"admitted":0,"replayed":0,"acknowledged":0,)"
      R"("filtered":0,"dropped":0,"dead_lettered":0,"returned":0,"in_flight":0},"stages":[],)"
      R"("dead_letter_causes":[],"abandoned":[],"hanging":[]})";
  EXPECT_EQ(one_line(to_json(report)), R"({"pipelines":[{"pipeline":"a")" + rest
                                           + R"(,{"pipeline":"b")" + rest
                                           + R"(],"outcome":{"exit_code":3,"sentence":"late"}})");
  report.pipelines.clear();
  EXPECT_EQ(one_line(to_json(report)),
            R"({"pipelines":[],"outcome":{"exit_code":3,"sentence":"late"}})");
}

TEST(ReportAsJson, IsValidWhateverACauseOrAShareHolds) {
  weir::run_report report{
      .pipelines = {{.stages = {{.busy = std::numeric_limits<double>::quiet_NaN()}},
                     .dead_letter_causes = {{.cause = "\xFF\"\n"}}}}};
  const auto json = to_json(report);
  EXPECT_NE(json.find(R"("busy": null)"), std::string::npos);
  EXPECT_NE(json.find(R"("cause": "�\"\n")"), std::string::npos);
}

TEST(ReportAsText, ShowsTheLedgerTheStagesAndTheCauses) {
  EXPECT_EQ("\n" + to_text(some_run(), charset::utf8), R"(
events                                                                           20.4 s, 490 items/s
────────────────────────────────────────────────────────────────────────────────────────────────────
  admitted                   10,000     acknowledged                9,799     98.0 %
  replayed                        0     filtered                        1      0.0 %
                                        dropped                         0      0.0 %
                                        dead-lettered                 200      2.0 %
                                        returned                        0      0.0 %
                                        in flight                       0      0.0 %
                             10,000                                10,000   balanced

  stage  processed  failed  restarts  busy                                p50     p99  backlog max
  read      10,000       0         0   1 %  ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒░        -       -            -
  parse     10,000     200         3  50 %  ████████████▒▒▒▒▒▒░░░░░░  1.20 µs  310 ms  1,024/1,024
  █ busy  ▒ blocked, without credit  ░ idle

  dead letters
        150  parse: not JSON
         50  parse: the id is missing

exit 0: drained and balanced
)");
}

TEST(ReportAsText, IsAsciiWhereTheTerminalIs) {
  for (const char one : to_text(some_run(), charset::ascii))
    EXPECT_LT(static_cast<unsigned char>(one), 0x80);
}

TEST(ReportAsText, IsNeverWiderThanItsColumns) {
  auto report = some_run();
  auto& pipeline = report.pipelines.front();
  pipeline.pipeline = std::string(300, 'p');
  pipeline.ledger = {.admitted = 999'999'999'999, .acknowledged = 999'999'999'999};
  for (auto& stage : pipeline.stages) {
    stage.stage = std::string(300, 's');
    stage.processed = 9'999'999'999;
    stage.failed = 1'000;
  }
  pipeline.dead_letter_causes.front().cause.assign(300, 'c').push_back('\n');
  std::size_t columns = 0;
  for (const char one : to_text(report, charset::ascii)) {
    columns = one == '\n' ? 0 : columns + 1;
    EXPECT_LE(columns, weir::internal::report_columns);
  }
}

TEST(ReportAsText, SaysHowFarALedgerIsOutOfBalance) {
  auto report = some_run();
  report.pipelines.front().ledger.acknowledged -= 3;
  EXPECT_NE(to_text(report, charset::utf8)
                .find("10,000                                 9,997   3 NOT ACCOUNTED FOR\n"),
            std::string::npos);
  report.pipelines.front().ledger.acknowledged += 4;
  EXPECT_NE(to_text(report, charset::utf8)
                .find("10,000                                10,001   1 COUNTED TWICE\n"),
            std::string::npos);
}

TEST(ReportAsText, ShowsTheFirstTenCausesAndCountsTheOthers) {
  auto report = some_run();
  auto& causes = report.pipelines.front().dead_letter_causes;
  causes.assign(12, {.stage = "parse", .cause = "x", .count = 1});
  const auto text = to_text(report, charset::utf8);
  EXPECT_NE(text.find("          1  parse: x\n             and 2 more causes\n"),
            std::string::npos);
}

/// A folder of its own for a test, gone after it.
class ReportFile : public testing::Test {
protected:
  ReportFile() { fs::create_directory(folder); }
  ~ReportFile() override { fs::remove_all(folder); }

  static std::string read(const fs::path& path) {
    std::ifstream in{path};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  auto files() const {
    return std::distance(fs::directory_iterator{folder}, fs::directory_iterator{});
  }

  fs::path folder = fs::temp_directory_path() / ("weir-report-" + std::to_string(::getpid()));
  fs::path path = folder / "report.json";
};

TEST_F(ReportFile, IsWrittenAsJsonAndNothingIsLeftBesideIt) {
  ASSERT_TRUE(weir::internal::write_report(path, some_run()));
  EXPECT_EQ(read(path), to_json(some_run()));
  EXPECT_EQ(files(), 1);
}

TEST_F(ReportFile, ReplacesTheLastOneAsAWhole) {
  std::ofstream{path} << std::string(100'000, 'x');
  std::ifstream reader{path}; // opened before: it goes on seeing the last one
  ASSERT_TRUE(weir::internal::write_report(path, some_run()));
  EXPECT_EQ(read(path), to_json(some_run()));
  EXPECT_EQ((std::string{std::istreambuf_iterator<char>{reader}, {}}), std::string(100'000, 'x'));
}

TEST_F(ReportFile, IsWrittenThroughALinkWhichStays) {
  std::ofstream{folder / "target"} << std::string(100'000, 'x');
  fs::create_symlink("target", path);
  ASSERT_TRUE(weir::internal::write_report(path, some_run()));
  EXPECT_TRUE(fs::is_symlink(path));
  EXPECT_EQ(read(folder / "target"), to_json(some_run()));
}

TEST_F(ReportFile, IsWrittenIntoAPipeWhichStays) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_TRUE(weir::internal::write_report(path, some_run()));
  std::string read(10'000, '\0');
  read.resize(
      static_cast<std::size_t>(std::max<ssize_t>(::read(reader, read.data(), read.size()), 0)));
  ::close(reader);
  EXPECT_EQ(read, to_json(some_run()));
  EXPECT_TRUE(fs::is_fifo(path));
}

TEST_F(ReportFile, ThatCantBeWrittenNamesItsPathAndTheReason) {
  const auto nowhere = (folder / "no" / "report.json").string();
  EXPECT_EQ(weir::internal::write_report(nowhere, {}).error().message(),
            "the report can't be written to '" + nowhere + "' ← open: No such file or directory");
  EXPECT_EQ(weir::internal::write_report(folder, {}).error().message(),
            "the report can't be written to '" + folder.string() + "' ← open: Is a directory");
}

TEST_F(ReportFile, ThatDoesNotFitOnTheDiskLeavesTheLastOne) {
  std::ofstream{path} << "the last one";
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 100, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto outcome = weir::internal::write_report(path, some_run());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message(),
            "the report can't be written to '" + path.string() + "' ← write: File too large");
  EXPECT_EQ(read(path), "the last one");
  EXPECT_EQ(files(), 1);
}

} // namespace
