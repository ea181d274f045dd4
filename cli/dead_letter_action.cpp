#include <weir/cli/dead_letter_action.hpp>
#include <weir/node/terminal.hpp>

#include <algorithm>

namespace weir::internal {

const dead_letter_action* action_named(std::string_view name) noexcept {
  const auto* const found =
      std::ranges::find_if(dead_letter_actions, [&](const auto& one) { return one.is(name); });
  return found == dead_letter_actions.end() ? nullptr : found;
}

std::string overview_of_actions(const std::string& name) {
  std::string text = "Works on dead letters, beside the running service or without it.\n\nUsage: "
                     + name + " ACTION [ID] [FLAG]...\n\n";
  for (const auto& one : dead_letter_actions)
    text += "  " + padded_right(one.name + std::string{*one.operand ? " " : ""} + one.operand, 11)
            + "  " + one.summary + "\n";
  return text + "\nThe flags of each: " + name + " ACTION --help\n";
}

} // namespace weir::internal
