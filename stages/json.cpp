#include <weir/stages/json.hpp>

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace weir {

bool is_nested_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (in_string) {
      if (c == '\\')
        ++k; // what comes next stands for itself
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > json_depth_max)
        return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

result<nlohmann::json> read_json(std::string_view text) {
  if (is_nested_too_deep(text))
    return poison("JSON that nests deeper than " + std::to_string(json_depth_max) + " levels");
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& broken) {
    return poison("broken JSON at byte " + std::to_string(broken.byte));
  } catch (const nlohmann::json::exception&) { // beyond a double
    return poison("JSON with a number that is too large");
  }
}

} // namespace weir
