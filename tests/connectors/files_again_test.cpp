#include "../temporary_folder.hpp"
#include "../threads.hpp"
#include "gzip.hpp"

#include <weir/connectors/files.hpp>
#include <weir/connectors/files/content_digest.hpp>
#include <weir/connectors/sqlite.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

/// A file that was read before: is it the same, and where does it go on?
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using weir::text_event;
using state = weir::running_pipeline::state;
namespace files = weir::files;
namespace fs = std::filesystem;
using texts = std::vector<std::string>;

/// More than what the name of a file tells of its beginning.
const std::string preamble = std::string(5000, '#') + "\n";

class FilesAgain : public testing::Test, protected weir_test::temporary_folder {
protected:
  void append(const std::string& file, const std::string& more) const {
    std::ofstream{file, std::ios::binary | std::ios::app} << more;
  }

  /// Lines that contain "broken" become letters, the others go on.
  weir::pipeline reading(files::lines_options options,
                         const weir::testkit::collected<std::string>& into) const {
    weir::pipeline made{"reading", weir_test::restarting(0)};
    made.from("read", files::lines{std::move(options)}, {.execution = weir::execution::own_thread})
        .via("parse",
             [](const text_event& one) -> weir::result<std::string> {
               if (one.text.find("broken") != std::string::npos)
                 return weir::poison("it is broken");
               return one.text.substr(0, 40);
             })
        .to("keep", into.sink());
    made.positions_in(std::make_shared<weir::sqlite::positions>(path("positions.db")));
    made.dead_letters_to(weir::dead_letters::sqlite{path("dead.db")});
    return made;
  }

  /// What one life reads, to its end.
  texts life(files::lines_options options) {
    weir::testkit::collected<std::string> kept;
    weir_test::running_on_threads pipeline{reading(std::move(options), kept)};
    pipeline.finishes();
    remarks_ = pipeline->remarks();
    return kept.items();
  }
  texts life(const std::string& file) { return life(files::lines_options{.path = file}); }

  /// As if the second of four lines had waited for its retry when the process died.
  void reopen_second_line() const {
    auto store = weir::sqlite::database::open(path("positions.db"));
    ASSERT_TRUE(store);
    ASSERT_TRUE(store->execute("UPDATE weir_positions SET position = 1, beyond = x'0201'"));
  }

  /// "POSITION PAYLOAD", of each letter.
  texts letters(const weir::dead_letter_filter& which = {}) const {
    texts all;
    weir::dead_letters::sqlite store{path("dead.db")};
    EXPECT_TRUE(store.open());
    EXPECT_TRUE(weir::for_each_letter(
        store, which, [&](const weir::dead_letter& one) -> weir::result<void> {
          all.push_back(std::to_string(one.position) + " " + one.payload);
          return {};
        }));
    return all;
  }

  std::vector<std::string> remarks_; // of the last life
};

// --- the same file -------------------------------------------------------------------------------

TEST_F(FilesAgain, AFileThatGrewGoesOnWhereItWas) {
  for (const auto& begin : {std::string{}, std::string{"zero\n"}, preamble}) {
    const auto file = write("in" + std::to_string(begin.size()), begin + "one\ntwo\n");
    life(file);
    EXPECT_THAT(life(file), IsEmpty());
    append(file, "three\n");
    EXPECT_THAT(life(file), ElementsAre("three"));
    EXPECT_THAT(remarks_, IsEmpty());
  }
}

TEST_F(FilesAgain, AnEmptyFileThatWasFilledIsTheSame) {
  const auto file = write("in", "");
  EXPECT_THAT(life(file), IsEmpty());
  append(file, "broken\none\n");
  EXPECT_THAT(life(file), ElementsAre("one"));
  EXPECT_THAT(life(file), IsEmpty());
  EXPECT_THAT(letters(), ElementsAre("1 broken"));
}

TEST_F(FilesAgain, AGzipFileGoesOnWhereItWas) {
  const auto file = write("in.gz", weir_test::gzip(preamble + "one\n"));
  EXPECT_EQ(life(file).size(), 2U);
  append(file, weir_test::gzip("two\n"));
  EXPECT_THAT(life(file), ElementsAre("two"));
}

TEST_F(FilesAgain, ACopyInItsPlaceIsTheSameFile) {
  const auto file = write("in", "one\ntwo\n");
  life(file);
  fs::remove(file);
  write("in", "one\ntwo\nthree\n");
  EXPECT_THAT(life(file), ElementsAre("three"));
}

TEST_F(FilesAgain, AllSpellingsOfAPathAreOneFile) {
  const auto file = write("in", "one\nbroken\ntwo\n");
  fs::create_directory(path("sub"));
  fs::create_symlink(file, path("link"));
  fs::create_directory_symlink(path(""), path("sub/up"));
  EXPECT_THAT(life(file), ElementsAre("one", "two"));
  for (const auto* spelled : {"./in", "sub/../in", "link", "sub/up/in", "../"}) {
    const auto other = spelled == std::string{"../"}
                           ? fs::relative(file, fs::current_path()).string()
                           : path(spelled);
    EXPECT_THAT(life(other), IsEmpty()) << other;
  }
  EXPECT_THAT(letters(), ElementsAre("2 broken"));
}

// --- another file --------------------------------------------------------------------------------

TEST_F(FilesAgain, AFileWithTheSameBeginningAndAnotherRestIsReadFromItsBeginning) {
  const auto file = write("in", preamble + "one\nbroken\n");
  EXPECT_EQ(life(file).size(), 2U);
  write("in", preamble + "two\nbroken\nmore\n");
  EXPECT_THAT(life(file), ElementsAre(preamble.substr(0, 40), "two", "more"));
  EXPECT_THAT(remarks_, ElementsAre(HasSubstr(
                            file
                            + ": is another file than the one that was read before: it is read "
                              "from its beginning")));
  EXPECT_THAT(letters(), ElementsAre("3 broken", "3 broken")) << "they are two";
  EXPECT_THAT(life(file), IsEmpty());
  append(file, "and more\n");
  EXPECT_THAT(life(file), ElementsAre("and more"));
  write("in", preamble + "one\nbroken\nof the first\n");
  EXPECT_THAT(life(file), ElementsAre("of the first")) << "all that was settled of it is there";
}

TEST_F(FilesAgain, AShorterFileIsAnother) {
  const auto file = write("in", preamble + "one\ntwo\nthree\n");
  life(file);
  write("in", preamble + "one\n");
  EXPECT_THAT(life(file), ElementsAre(preamble.substr(0, 40), "one"));
}

TEST_F(FilesAgain, AFileWhoseSettledLinesBeyondThePositionAreOthersIsAnother) {
  const auto file = write("in", preamble + "first\nsecond\nthird\n");
  EXPECT_EQ(life(file).size(), 4U);
  reopen_second_line();
  EXPECT_THAT(life(file), ElementsAre("first")) << "the other two are settled";
  reopen_second_line();
  write("in", preamble + "first\nSECOND\nthird\n");
  EXPECT_THAT(life(file), ElementsAre(preamble.substr(0, 40), "first", "SECOND", "third"));
}

TEST_F(FilesAgain, AFileThatIsReplacedWhileItsSourceIsStartedAnewIsAFailure) {
  const auto file = write("in", "one\ntwo\nthree\nfour\n");
  weir::testkit::collected<std::string> kept;
  weir::pipeline made{"reading", weir_test::restarting(3, weir::one_for_all)};
  auto crashed = std::make_shared<std::atomic<bool>>(false);
  made.from("read", files::lines{{.path = file}}, {.mailbox_capacity = 1})
      .via("trip",
           [crashed, file](const text_event& one) {
             if (one.number == 2 && !crashed->exchange(true)) {
               std::ofstream{file} << "ONE\nTWO\nTHREE\nFOUR\n";
               throw std::runtime_error{"once"};
             }
             return one.text;
           },
           {.mailbox_capacity = 1})
      .to("keep", kept.sink());
  made.dead_letters_to(weir::dead_letters::memory{});
  weir_test::running_on_threads pipeline{std::move(made)};
  EXPECT_EQ(pipeline.ended(), state::failed);
  EXPECT_THAT(pipeline->why().message(), HasSubstr(file + ": was changed: up to line "));
}

// --- the last line -------------------------------------------------------------------------------

TEST_F(FilesAgain, ALastLineThatIsCompletedLaterIsReadAgain) {
  for (const auto& begin : {std::string{"zero\n"}, preamble}) {
    const auto file = write("in" + std::to_string(begin.size()), begin + "on");
    EXPECT_EQ(life(file).back(), "on");
    EXPECT_THAT(life(file), IsEmpty()) << "it is as long as it was";
    append(file, "e\ntw");
    EXPECT_THAT(life(file), ElementsAre("one", "tw"));
    append(file, "o");
    EXPECT_THAT(life(file), ElementsAre("two"));
    append(file, "\n");
    EXPECT_THAT(life(file), IsEmpty()) << "the end of a line is no part of it";
    append(file, "three\r\n");
    EXPECT_THAT(life(file), ElementsAre("three"));
  }
}

TEST_F(FilesAgain, ALastLineThatIsCompletedIsOneLetterAtMost) {
  const auto file = write("in", "zero\nbroken a");
  life(file);
  EXPECT_THAT(letters(), ElementsAre("2 broken a"));
  append(file, "\r\n");
  EXPECT_THAT(life(file), IsEmpty());
  append(file, "broken b\n");
  life(file);
  append(file, "one\n");
  EXPECT_THAT(life(file), ElementsAre("one"));
  EXPECT_THAT(letters(), ElementsAre("2 broken a", "3 broken b"));
}

TEST_F(FilesAgain, ALastLineThatWasSettledAheadOfOthersIsReadAgain) {
  const auto file = write("in", "zero\nfirst\nsecond\nthi");
  EXPECT_EQ(life(file).size(), 4U);
  reopen_second_line();
  append(file, "rd\n");
  EXPECT_THAT(life(file), ElementsAre("first", "third"));
}

// --- a file that becomes shorter -------------------------------------------------------------------

TEST_F(FilesAgain, AFileThatBecomesShorterWhileItIsReadIsAFailure) {
  std::string content;
  while (content.size() < 3'000'000)
    content += "a line of some length, so that there are not too many of them\n";
  const auto file = write("in", content);
  const weir_test::gate held;
  weir::pipeline made{"reading", weir_test::restarting(0)};
  made.from("read", files::lines{{.path = file}}, {.execution = weir::execution::own_thread})
      .to("keep", [held](const text_event&) noexcept { held.pass(); }, {.mailbox_capacity = 4});
  weir_test::running_on_threads pipeline{std::move(made)};
  ASSERT_TRUE(held.wait_for(1));
  fs::resize_file(file, 1'000'000);
  held.open();
  EXPECT_EQ(pipeline.ended(), state::failed);
  EXPECT_THAT(pipeline->why().message(),
              HasSubstr(file + ": became shorter while it was read: it had "
                        + std::to_string(content.size())
                        + " bytes when it was opened, and has 1000000 now"));
}

// --- what can't be read twice --------------------------------------------------------------------

TEST_F(FilesAgain, APipeIsReadFromItsBeginningInEachLife) {
  const auto pipe = path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (int n = 0; n < 2; ++n) {
    const int writer = ::open(pipe.c_str(), O_RDWR | O_CLOEXEC); // waits for no reader
    ASSERT_EQ(::write(writer, "one\nbroken\ntwo\n", 15), 15);
    weir::testkit::collected<std::string> kept;
    weir_test::running_on_threads pipeline{reading({.path = pipe}, kept)};
    EXPECT_TRUE(weir_test::eventually([&] { return kept.size() == 2; }));
    ::close(writer);
    pipeline.finishes();
    EXPECT_THAT(kept.items(), ElementsAre("one", "two")) << "life " << n;
  }
  EXPECT_THAT(letters(), ElementsAre("2 broken", "2 broken")) << "equal, and of two lives";
  EXPECT_EQ(letters({.source = pipe}).size(), 2U) << "whichever life it was";
  EXPECT_THAT(letters({.source = path("pip")}), IsEmpty());
}

TEST_F(FilesAgain, EqualItemsOfTwoLivesAreTwoLettersAlsoWherePositionsAreNotKept) {
  const auto pipe = path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (int n = 0; n < 2; ++n) {
    weir::testkit::collected<text_event> kept;
    weir::pipeline made{"reading", weir_test::restarting(0)};
    made.from("read", files::lines{{.path = pipe}})
        .via("parse",
             [](const text_event&) -> weir::result<text_event> { return weir::poison("no"); })
        .to("keep", kept.sink());
    made.dead_letters_to(weir::dead_letters::sqlite{path("dead.db")});
    const int held = ::open(pipe.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(::write(held, "broken\n", 7), 7);
    weir_test::running_on_threads pipeline{std::move(made)};
    EXPECT_TRUE(weir_test::eventually([&] { return pipeline.ledger().dead_lettered == 1; }));
    ::close(held);
    pipeline.finishes();
  }
  EXPECT_THAT(letters(), ElementsAre("1 broken", "1 broken"));
}

// --- positions of earlier versions -----------------------------------------------------------------

TEST_F(FilesAgain, APositionOfAnEarlierVersionIsTakenAndItsLastLineReadAgain) {
  const auto file = write("in", preamble + "one\ntwo\nthree\n");
  const auto name = *files::identity(file);
  {
    auto store = weir::sqlite::database::open(path("positions.db"));
    ASSERT_TRUE(store);
    ASSERT_TRUE(store->execute(
        "CREATE TABLE weir_positions(pipeline TEXT NOT NULL, \"partition\" TEXT NOT NULL, position "
        "INTEGER NOT NULL, beyond BLOB NOT NULL DEFAULT x'', epoch INTEGER NOT NULL DEFAULT 0, "
        "PRIMARY KEY(pipeline, \"partition\")); INSERT INTO weir_positions VALUES('reading', '"
        + name + "', 3, x'', 1)"));
  }
  EXPECT_THAT(life(file), ElementsAre("two", "three"));
  EXPECT_THAT(remarks_, ElementsAre(HasSubstr("was read up to line 3 by an earlier version")));
  EXPECT_THAT(life(file), IsEmpty());
  write("in", preamble + "other\n");
  EXPECT_EQ(life(file).size(), 2U) << "now it is known what was read";
}

/// A store that keeps points, and can't say which it knows.
class reticent_store : public weir::position_store {
public:
  weir::result<std::vector<weir::partition_point>>
  claim(const std::string&, std::span<const std::string> partitions) override {
    std::vector<weir::partition_point> points;
    for (const auto& name : partitions) {
      auto& one = points_[name];
      one.partition = name;
      ++one.epoch;
      points.push_back(one);
    }
    return points;
  }
  weir::result<std::vector<std::string>>
  store(const std::string&, std::span<const weir::partition_point> points) override {
    for (const auto& one : points)
      weir::add_settled(points_[one.partition], one);
    return std::vector<std::string>{};
  }
  std::string name() const override { return "memory"; }

private:
  std::map<std::string, weir::partition_point> points_;
};

TEST_F(FilesAgain, AStoreThatCantSayWhatItKnowsIsAskedByClaims) {
  const auto store = std::make_shared<reticent_store>();
  const auto life_with_it = [&](const std::string& file) {
    weir::testkit::collected<std::string> kept;
    auto made = reading({.path = file}, kept);
    made.positions_in(store);
    weir_test::running_on_threads pipeline{std::move(made)};
    pipeline.finishes();
    return kept.items();
  };
  const auto file = write("in", preamble + "one\n");
  EXPECT_EQ(life_with_it(file).size(), 2U);
  EXPECT_THAT(life_with_it(file), IsEmpty());
  for (const auto* other : {"two\n", "three\n"}) {
    write("in", preamble + other);
    EXPECT_EQ(life_with_it(file).size(), 2U) << other;
    EXPECT_THAT(life_with_it(file), IsEmpty());
    append(file, "more\n");
    EXPECT_THAT(life_with_it(file), ElementsAre("more"));
  }
}

// --- the digest ------------------------------------------------------------------------------------

TEST(ContentDigest, IsTheSameHoweverTheContentIsCut) {
  std::minstd_rand random{11};
  std::string content(1000, '\0');
  for (auto& one : content)
    one = static_cast<char>(random());
  for (std::size_t size = 0; size <= content.size(); size += size < 40 ? 1 : 97) {
    files::content_digest whole;
    whole.add({content.data(), size});
    files::content_digest parts;
    for (std::size_t at = 0; at < size;) {
      const auto count = std::min<std::size_t>(random() % 20, size - at);
      parts.add({content.data() + at, count});
      at += count;
    }
    EXPECT_EQ(parts.value(), whole.value()) << size;
    EXPECT_EQ(parts.bytes(), size);
  }
}

TEST(ContentDigest, TellsEveryByteAndLength) {
  std::vector<std::uint64_t> seen;
  const auto note = [&](const std::string& content) {
    files::content_digest one;
    one.add(content);
    seen.push_back(one.value());
  };
  for (std::size_t size = 0; size < 40; ++size) {
    note(std::string(size, '\0'));
    for (std::size_t at = 0; at < size; ++at) {
      std::string changed(size, '\0');
      changed[at] = 1;
      note(changed);
    }
  }
  const auto count = seen.size();
  std::ranges::sort(seen);
  seen.erase(std::ranges::unique(seen).begin(), seen.end());
  EXPECT_EQ(seen.size(), count);
}

TEST(ContentDigest, NeverChanges) { // it is stored
  files::content_digest one;
  one.add("{\"id\": \"a\"}\n{\"id\": \"b\"}\n");
  EXPECT_EQ(one.value(), 0x9A2C62DB40C746F1U);
}

} // namespace
