#include "sqlite_files.hpp"

#include <weir/cli/dead_letter_text.hpp>
#include <weir/connectors/sqlite/dead_letters.hpp>
#include <weir/stages/repro.hpp>
#include <weir/testkit/testkit.hpp>
#include <weir/weir.hpp>

#include <string>
#include <string_view>
#include <type_traits>

#include <gtest/gtest.h>

/// The way of a dead letter from a pipeline into a debugger: the worked example of docs/dead-letters.md.
namespace readings {

// [payload]
struct reading {
  std::string sensor;
  double value = 0;
};

std::string weir_payload(const reading& one) {
  return one.sensor + "=" + weir::payload_of(one.value);
}

weir::result<reading> weir_from_payload(std::type_identity<reading>, std::string_view text) {
  const auto at = text.find('=');
  if (at == text.npos)
    return weir::poison("expected SENSOR=VALUE");
  auto value = weir::from_payload<double>(text.substr(at + 1));
  if (!value)
    return std::move(value.error()).within("the value");
  return reading{std::string{text.substr(0, at)}, *value};
}
// [payload]

weir::result<reading> check(const reading& one) {
  if (one.value < 0)
    return weir::poison("a negative value");
  return one;
}

/// What the service does: a reading that fails is in the file.
void run(const std::filesystem::path& path) {
  weir::testkit::node node;
  weir::testkit::source_probe<reading> in;
  weir::testkit::sink_probe<reading> out;
  weir::pipeline all{"readings"};
  all.from("in", in).via("check", check).to("out", out);
  all.dead_letters_to(weir::dead_letters::sqlite{path});
  in.push(reading{"t1", 20.5}, reading{"t2", -1});
  in.complete();
  node.finish(node.run(std::move(all)));
  EXPECT_EQ(out.items().size(), 1U);
}

TEST(SqliteRepro, RunsALetterFromAFileAgainstItsStage) {
  const weir::sqlite_tests::folder in;
  const auto path = in / "dead.db";
  run(path);

  // [repro]
  const auto letter = weir::dead_letters::load(path, 1);
  ASSERT_TRUE(letter) << letter.error().message();
  const auto outcome = weir::repro(*letter, check);
  EXPECT_EQ(outcome.text(), "stage 'check' failed as recorded: poison: a negative value");
  // [repro]

  const auto exported = weir::dead_letter_from_json(to_json(*letter));
  ASSERT_TRUE(exported) << exported.error().message();
  EXPECT_TRUE(weir::repro(*exported, check).as_recorded);

  const auto mended = [](const reading& one) -> weir::result<reading> { return one; };
  EXPECT_EQ(weir::repro(*letter, mended).outputs.at(0).sensor, "t2");
}

} // namespace readings
