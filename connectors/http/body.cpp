#include <weir/connectors/http/body.hpp>

#include <algorithm>
#include <string>

namespace weir::http {

namespace {

constexpr std::string_view blank = " \t\r";

/// Calls `take` with each line that isn't blank, without its end, as long as that says so.
template <class Take>
void for_each_line(std::string_view body, Take take) {
  while (!body.empty()) {
    const auto end = std::min(body.find('\n'), body.size());
    auto line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    if (line.find_first_not_of(blank) != std::string_view::npos && !take(line))
      return;
  }
}

/// One JSON text can't have two lines that both begin with '{' and end with '}', so these are one each.
bool every_line_in_braces(std::string_view body) {
  bool all = true;
  for_each_line(body, [&](std::string_view line) {
    all = line[line.find_first_not_of(blank)] == '{' && line[line.find_last_not_of(blank)] == '}';
    return all;
  });
  return all;
}

bool is_json(std::string_view content_type) {
  constexpr std::string_view json = "application/json";
  return content_type.size() >= json.size()
         && std::equal(json.begin(), json.end(), content_type.begin(),
                       [](char want, char have) {
                         return want == have
                                || (have >= 'A' && have <= 'Z' && want == have - 'A' + 'a');
                       })
         && (content_type.size() == json.size()
             || blank.find(content_type[json.size()]) != std::string_view::npos
             || content_type[json.size()] == ';');
}

text_event event_of(std::string_view text) {
  return {.text = std::string{text}, .number = 0, .length = text.size()};
}

} // namespace

std::vector<text_event> events_in(std::string_view body, std::string_view content_type,
                                  std::size_t most) {
  std::vector<text_event> found;
  if (is_json(content_type) && !every_line_in_braces(body)) {
    found.push_back(event_of(body));
    return found;
  }
  for_each_line(body, [&](std::string_view line) {
    found.push_back(event_of(line));
    return found.size() <= most;
  });
  return found;
}

} // namespace weir::http
