#include <weir/connectors/sqlite/letter_row.hpp>
#include <weir/connectors/sqlite/rows.hpp>
#include <weir/stages/json.hpp>
#include <weir/supervision/utc.hpp>
#include <weir/supervision/utf8.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace weir::sqlite {

namespace {

failure unreadable(std::int64_t id, const std::string& expected, const std::string& found) {
  return fatal("expected " + expected + ", found '" + found + "'")
      .within("dead letter " + std::to_string(id));
}

} // namespace

result<dead_letter> letter_in(const statement& row) {
  dead_letter one;
  const auto id = row.integer(0);
  one.id = static_cast<std::uint64_t>(id);
  one.pipeline = row.text(1);
  one.stage = row.text(2);
  one.source = row.text(3);
  one.position = static_cast<std::uint64_t>(row.integer(4));
  one.part = static_cast<std::uint32_t>(row.integer(5));
  one.key = row.text(6);
  one.payload = row.text(7);
  one.payload_type = row.text(8);
  one.attempts = static_cast<std::uint32_t>(row.integer(9));
  one.replay_count = static_cast<std::uint32_t>(row.integer(10));
  for (auto [column, time] : {std::pair{11, &one.first_failed_at}, {12, &one.last_failed_at}}) {
    const auto read = read_utc(row.text(column));
    if (!read)
      return unreadable(id, "a time as 2024-01-31T12:00:00.000Z", row.text(column));
    *time = *read;
  }
  const auto kind = row.text(13);
  const auto* const known =
      std::ranges::find(failure_kinds, kind, [](auto is) { return to_string(is); });
  if (known == failure_kinds.end())
    return unreadable(id, "a kind of failure", kind);
  one.why.kind = *known;
  const auto chain = read_json(row.text(14));
  if (!chain || !chain->is_array())
    return unreadable(id, "a JSON array as chain", row.text(14));
  for (const auto& message : *chain)
    one.why.chain.push_back(message.is_string() ? message.get<std::string>() : message.dump());
  one.trace_id = row.text(15);
  const auto state = row.text(16);
  const auto* const is =
      std::ranges::find(dead_letter_states, state, [](auto s) { return to_string(s); });
  if (is == dead_letter_states.end())
    return unreadable(id, "a state", state);
  one.state = *is;
  if (const auto edited = row.text(17); !edited.empty()) {
    one.edited_at = read_utc(edited);
    if (!one.edited_at)
      return unreadable(id, "a time as 2024-01-31T12:00:00.000Z", edited);
  }
  return one;
}

result<std::optional<dead_letter>> one_letter(statement& query) {
  std::optional<dead_letter> found;
  auto read = each_row(query, [&found](const statement& row) -> result<bool> {
    auto one = letter_in(row);
    if (!one)
      return std::move(one.error());
    found = std::move(*one);
    return false;
  });
  if (!read)
    return std::move(read.error());
  return found;
}

void bind_payload(statement& to, int parameter, std::string_view payload) {
  if (is_text(payload))
    to.bind_text(parameter, payload);
  else
    to.bind_blob(parameter, payload);
}

} // namespace weir::sqlite
