#include <weir/connectors/sqlite_database.hpp>
#include <weir/connectors/sqlite_dead_letters.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace weir::dead_letters {

namespace {

/// How many bytes the character at the beginning of `text` has; 0 if they are no UTF-8 (RFC 3629).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t k) -> unsigned {
    return k < text.size() ? static_cast<unsigned char>(text[k]) : 0U;
  };
  const auto continues = [&](std::size_t k) { return (byte(k) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80)
    return 1;
  if (first >= 0xC2 && first < 0xE0)
    return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first < 0xF0) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) >= 0xA0;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first < 0xF5) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool too_high = first == 0xF4 && byte(1) >= 0x90;
    return continues(1) && continues(2) && continues(3) && !overlong && !too_high ? 4 : 0;
  }
  return 0;
}

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto length = character_length(bytes);
    if (length == 0 || bytes.front() == '\0')
      return false;
    bytes.remove_prefix(length);
  }
  return true;
}

/// What every reader of a TEXT column can read: what is no character, or ends a C string, is replaced.
std::string readable(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto length = character_length(bytes);
    if (length == 0 || bytes.front() == '\0')
      text += "\xEF\xBF\xBD"; // U+FFFD, the replacement character
    else
      text += bytes.substr(0, length);
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
}

std::string iso_8601(std::chrono::system_clock::time_point when) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(when);
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(when - seconds);
  const std::time_t counted = std::chrono::system_clock::to_time_t(seconds);
  std::tm utc{};
  ::gmtime_r(&counted, &utc);
  std::array<char, 64> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text.data() + length, text.size() - length, ".%03dZ",
                static_cast<int>(rest.count()));
  return text.data();
}

std::string json_array(const std::vector<std::string>& chain) {
  auto array = nlohmann::json::array();
  for (const auto& one : chain)
    array.push_back(readable(one));
  return array.dump();
}

constexpr auto create_sql = R"(CREATE TABLE IF NOT EXISTS dead_letters(
  id INTEGER PRIMARY KEY,
  pipeline TEXT NOT NULL,
  stage TEXT NOT NULL,
  source TEXT NOT NULL,
  position INTEGER NOT NULL,
  part INTEGER NOT NULL,
  kind TEXT NOT NULL,
  cause TEXT NOT NULL,
  chain TEXT NOT NULL,
  payload BLOB NOT NULL,
  payload_type TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  first_failed_at TEXT NOT NULL,
  last_failed_at TEXT NOT NULL,
  replay_count INTEGER NOT NULL DEFAULT 0,
  UNIQUE(pipeline, stage, source, position, part)))";

constexpr auto put_sql = R"(INSERT INTO dead_letters(
  pipeline, stage, source, position, part, kind, cause, chain,
  payload, payload_type, attempts, first_failed_at, last_failed_at)
VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
ON CONFLICT(pipeline, stage, source, position, part) DO UPDATE SET
  kind = excluded.kind, cause = excluded.cause, chain = excluded.chain,
  payload = excluded.payload, payload_type = excluded.payload_type, attempts = excluded.attempts,
  first_failed_at = min(first_failed_at, excluded.first_failed_at),
  last_failed_at = excluded.last_failed_at)";

} // namespace

/// An open store.
class sqlite::connection {
public:
  static result<connection> open(const std::filesystem::path& path, sqlite_options options) {
    auto opened = weir::sqlite::database::open(
        path, {.survives = weir::sqlite::durability::power, .busy_timeout = options.busy_timeout});
    if (!opened)
      return std::move(opened.error());
    if (auto made = opened->execute(create_sql); !made)
      return std::move(made.error());
    auto put = opened->prepare(put_sql);
    if (!put)
      return std::move(put.error());
    auto count = opened->prepare("SELECT count(*) FROM dead_letters");
    if (!count)
      return std::move(count.error());
    return connection{std::move(*opened), std::move(*put), std::move(*count), options.capacity};
  }

  result<void> put(std::span<const dead_letter> letters) {
    auto writing = weir::sqlite::transaction::begin(database_);
    if (!writing)
      return std::move(writing.error());
    for (const auto& one : letters)
      if (auto done = put(one); !done)
        return done;
    put_.clear(); // a copy of a large payload need not stay
    if (capacity_ > 0) {
      auto counted = count_.step();
      if (!counted)
        return std::move(counted.error());
      const auto kept = static_cast<std::uint64_t>(count_.integer(0));
      count_.reset();
      if (kept > capacity_)
        return transient("it is full (capacity " + std::to_string(capacity_) + " letters)");
    }
    return writing->commit();
  }

private:
  connection(weir::sqlite::database where, weir::sqlite::statement put,
             weir::sqlite::statement count, std::uint64_t capacity)
      : database_{std::move(where)},
        put_{std::move(put)},
        count_{std::move(count)},
        capacity_{capacity} {}

  result<void> put(const dead_letter& one) {
    put_.bind_text(1, one.pipeline);
    put_.bind_text(2, one.stage);
    put_.bind_text(3, one.source);
    put_.bind_integer(4, static_cast<std::int64_t>(one.position));
    put_.bind_integer(5, one.part);
    put_.bind_text(6, to_string(one.why.kind));
    put_.bind_text(7, readable(one.why.message()));
    put_.bind_text(8, json_array(one.why.chain));
    if (is_text(one.payload))
      put_.bind_text(9, one.payload);
    else
      put_.bind_blob(9, one.payload);
    put_.bind_text(10, one.payload_type);
    put_.bind_integer(11, one.attempts);
    put_.bind_text(12, iso_8601(one.first_failed_at));
    put_.bind_text(13, iso_8601(one.last_failed_at));
    return put_.run();
  }

  weir::sqlite::database database_;
  weir::sqlite::statement put_;
  weir::sqlite::statement count_;
  std::uint64_t capacity_;
};

sqlite::sqlite(std::filesystem::path path, sqlite_options options)
    : path_{std::move(path)}, options_{options} {}

result<void> sqlite::open() {
  auto opened = connection::open(path_, options_);
  if (opened)
    connection_ = std::make_shared<connection>(std::move(*opened));
  else if (opened.error().kind != failure_kind::transient)
    return std::move(opened.error());
  return {};
}

result<void> sqlite::put(std::span<const dead_letter> letters) {
  const auto layer = [&] { return "can't keep dead letters in '" + path_.string() + "'"; };
  if (!connection_) {
    auto opened = connection::open(path_, options_);
    if (!opened)
      return std::move(opened.error()).within(layer());
    connection_ = std::make_shared<connection>(std::move(*opened));
  }
  auto done = connection_->put(letters);
  if (done)
    return {};
  if (done.error().kind != failure_kind::transient)
    connection_.reset(); // the next try begins anew
  return std::move(done.error()).within(layer());
}

} // namespace weir::dead_letters
