#include "fuzz.hpp"

#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>

#include <unistd.h>

/// A flight recorder's file, as an earlier life may have left it.
namespace {

const fuzz::folder where;

std::unique_ptr<weir::internal::flight_recorder> opened(const std::string& path) {
  auto answer = weir::internal::flight_recorder::open(path, "p");
  if (answer)
    return std::move(*answer);
  fuzz::require(!answer.error().message().empty(), "a refusal says why");
  return nullptr;
}

/// What is left of a life that had these items in hand.
std::string after_a_life(const std::string& path, bool ended, std::uint64_t item) {
  {
    const auto recorder = opened(path);
    fuzz::require(recorder != nullptr, "a good file is accepted");
    const weir::internal::flight_recorder::stage_hands stages[] = {{"first", 3}, {"second", 2}};
    const std::string partitions[] = {"a", "b"};
    const auto slots = recorder->add("p", stages, partitions);
    fuzz::require(bool{slots}, "there is room for slots");
    (*slots)[0].take(item);
    (*slots)[1].failed(item + 1, 2);
    const weir::internal::origin batch[] = {{0, item + 2}, {0, item + 3}, {1, 7}};
    (*slots)[4].take(batch);
    if (ended)
      recorder->end();
  }
  return fuzz::read_file(path);
}

} // namespace

std::vector<std::string> fuzz::corpus() {
  std::vector<std::string> made;
  const auto path = where / "corpus";
  for (const bool ended : {false, false, true, false, false})
    made.push_back(after_a_life(path, ended, 5 + made.size() * 10));
  weir::internal::flight_recorder::examine(path, ::getpid(), 11);
  made.push_back(fuzz::read_file(path));
  made.push_back("");
  return made;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto path = where / "flight";
  fuzz::write_file(path, fuzz::text_of(bytes, size));
  weir::internal::flight_recorder::examine(path, ::getpid(), 9);
  if (const auto recorder = opened(path)) {
    const auto& life = recorder->last_life();
    fuzz::require(!life.died || !life.deaths.empty(), "a death is among the deaths");
    fuzz::require(std::ranges::none_of(life.remarks, &std::string::empty),
                  "a remark says something");
  }
  // Whatever it was, it is a recorder's file now, or what was no such file and was left alone.
  const auto again = opened(path);
  if (again) {
    const weir::internal::flight_recorder::stage_hands stages[] = {{"first", 3}};
    const std::string partitions[] = {"a"};
    fuzz::require(bool{again->add("p", stages, partitions)}, "there is room for slots");
    again->end();
  }
  ::unlink(path.c_str());
  return 0;
}
