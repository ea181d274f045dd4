#include <weir/dead_letters/dead_letter_filter.hpp>
#include <weir/dead_letters/dead_letter_words.hpp>
#include <weir/supervision/utc.hpp>

#include <algorithm>

namespace weir {

bool dead_letter_filter::operator==(const dead_letter_filter&) const = default;

namespace {

/// Is it that source, or one life of it? See partition::lasting_name.
bool is_of_source(const std::string& source, const std::string& wanted) {
  constexpr std::size_t life = 17; // "@" and 16 digits
  return source == wanted
         || (source.size() == wanted.size() + life && source[wanted.size()] == '@'
             && source.starts_with(wanted));
}

} // namespace

bool dead_letter_filter::matches(const dead_letter& letter) const {
  const auto wanted = [](const std::string& value, const std::string& is) {
    return value.empty() || value == is;
  };
  return (ids.empty() || std::ranges::find(ids, letter.id) != ids.end())
         && wanted(pipeline, letter.pipeline) && wanted(stage, letter.stage)
         && (source.empty() || is_of_source(letter.source, source))
         && (cause.empty() || letter.why.message().find(cause) != std::string::npos)
         && (!kind || *kind == letter.why.kind) && (!key || *key == letter.key)
         && (!state || *state == letter.state) && (!since || letter.last_failed_at >= *since)
         && (!until || letter.last_failed_at < *until);
}

std::string dead_letter_filter::text() const {
  std::string all;
  const auto add = [&all](const std::string& one) { all += (all.empty() ? "" : ", ") + one; };
  const auto add_value = [&add](const char* name, const std::string& value) {
    if (!value.empty())
      add(name + std::string{" "} + value);
  };
  if (!ids.empty())
    add(internal::ids_text(ids));
  add_value("pipeline", pipeline);
  add_value("stage", stage);
  add_value("source", source);
  if (!cause.empty())
    add("cause '" + cause + "'");
  if (kind)
    add("kind " + std::string{to_string(*kind)});
  if (key)
    add("key '" + *key + "'");
  if (state)
    add("state " + std::string{to_string(*state)});
  if (since)
    add("since " + utc_text(*since));
  if (until)
    add("until " + utc_text(*until));
  if (limit > 0)
    add("the first " + std::to_string(limit));
  return all.empty() ? "all" : all;
}

} // namespace weir
