#include <weir/node/option_text.hpp>
#include <weir/node/terminal.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace weir::internal {

namespace {

constexpr std::size_t help_columns = 100;
constexpr std::size_t help_indent = 28;
constexpr std::size_t shown_max = 60; // columns of a value in a message

std::string joined(const std::vector<std::string>& texts) {
  std::string made;
  for (const auto& one : texts)
    made += (made.empty() ? "" : ",") + one;
  return made;
}

bool is_on(const option& one) { return one.value() == std::vector<std::string>{"true"}; }

/// "--input FILE"; a switch that is on is shown with what switches it off.
std::string help_name(const option& one) {
  if (one.kind() == option_kind::boolean)
    return is_on(one) ? "--no-" + one.flag().substr(2) : one.flag();
  return one.flag() + " " + one.value_name();
}

std::string help_text(const option& one, const std::string& program, bool with_variable) {
  std::string text = one.text() + " [";
  if (!one.limits().empty())
    text += one.limits() + "; ";
  const auto value = one.value();
  if (one.is_required())
    text += "required; ";
  else if (value && !value->empty() && !value->front().empty())
    text += "default: " + (one.is_secret() ? "not shown" : joined(*value)) + "; ";
  if (one.kind() == option_kind::list)
    text += "may be repeated; ";
  if (with_variable)
    return text + one.variable(program) + "]";
  text.resize(text.size() - 2); // "; " or " ["
  return text.size() > one.text().size() ? text + "]" : text;
}

} // namespace

std::string help_entry(const std::string& name, const std::string& text) {
  const auto blank = std::string(help_indent, ' ');
  auto line = padded_right("  " + name, help_indent);
  std::string made;
  if (columns_of("  " + name) + 2 > help_indent)
    made = std::exchange(line, blank) + "\n";
  for (const auto& words : wrapped(text, help_columns - help_indent))
    made += std::exchange(line, blank) + words + "\n";
  return made;
}

std::string help_entry(const option& one, const std::string& program, bool with_variable) {
  return help_entry(help_name(one), help_text(one, program, with_variable));
}

std::string found_text(const std::string& text, bool secret) {
  if (text.empty())
    return "nothing";
  return secret ? "something else (not shown)" : "\"" + fitted(text, shown_max) + "\"";
}

std::string mismatch(const option& target, const std::string& where, const std::string& text) {
  return where + ": expected " + target.expected() + ", found "
         + found_text(text, target.is_secret()) + (target.is_secret() ? "" : target.hint(text));
}

} // namespace weir::internal
