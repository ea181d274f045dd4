#include "fuzz.hpp"

#include <weir/connectors/sqlite/dead_letters.hpp>

#include <chrono>
#include <filesystem>

/// An SQLite file of dead letters, damaged.
namespace {

const fuzz::folder where;

template <class Answer>
bool fine(const Answer& answer) {
  fuzz::require(answer || !answer.error().message().empty(), "a failure says why");
  return bool{answer};
}

weir::dead_letter letter(std::uint64_t position, std::string payload) {
  weir::dead_letter made;
  made.pipeline = "p";
  made.stage = position % 2 == 0 ? "parse" : "store";
  made.source = "lines";
  made.position = position;
  made.key = position % 3 == 0 ? "k" : "";
  made.payload = std::move(payload);
  made.payload_type = "std::string";
  made.attempts = 3;
  made.first_failed_at = made.last_failed_at =
      std::chrono::system_clock::time_point{std::chrono::hours{400'000}};
  made.why = weir::poison("not a number").within("stage parse");
  return made;
}

} // namespace

std::vector<std::string> fuzz::corpus() {
  const auto path = where / "corpus.db";
  {
    weir::dead_letters::sqlite store{path};
    fuzz::require(bool{store.open()}, "a new file is opened");
    std::vector<weir::dead_letter> letters;
    for (std::uint64_t k = 1; k <= 12; ++k)
      letters.push_back(
          letter(k, k == 5 ? std::string{"\0\xFF", 2} : std::string(k * k * 10, 'x')));
    fuzz::require(bool{store.put(letters)}, "letters are kept");
    fuzz::require(bool{store.edit(1, "42", {.who = "fuzz"})}, "and edited");
    fuzz::require(bool{store.request_replay({.stage = "store"}, {}, {.who = "fuzz"})},
                  "and asked for");
  }
  return {fuzz::read_file(path)};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto path = where / "letters.db";
  fuzz::write_file(path, fuzz::text_of(bytes, size));
  {
    weir::dead_letters::sqlite store{path, {.capacity = 100}};
    fine(store.open());
    weir::dead_letter_cursor behind;
    for (int page = 0; page < 5; ++page) {
      const auto letters = store.select({}, 10, behind);
      if (!fine(letters) || letters->empty())
        break;
      behind = {letters->back().key, letters->back().id};
    }
    fine(store.histogram({}));
    fine(store.audit(0, 100));
    if (const auto claimed = store.claim_requested({}, 3); fine(claimed) && !claimed->empty()) {
      const std::uint64_t ids[] = {claimed->front().id};
      fine(store.release(ids));
    }
    const weir::dead_letter again[] = {letter(3, "again")};
    fine(store.put(again));
    fine(store.purge({.stage = "parse"}, {.who = "fuzz"}));
  }
  fine(weir::dead_letters::load(path, 2));
  for (const char* rest : {"", "-wal", "-shm", "-journal", "-claims"}) {
    std::error_code ignored;
    std::filesystem::remove(path + rest, ignored);
  }
  return 0;
}
