#pragma once

#include <array>
#include <string>
#include <string_view>

/// What `PROGRAM dead-letters` can do.
namespace weir::internal {

struct dead_letter_action {
  const char* name;
  const char* operand; ///< what is named behind it
  const char* summary;

  bool is(std::string_view other) const noexcept { return name == other; }
  /// Is a letter's id named behind it?
  bool takes_id() const noexcept { return *operand != '\0'; }
  /// Does it change many at once? Then somebody has to say which.
  bool changes_many() const noexcept { return is("replay") || is("cancel") || is("purge"); }
  /// Does it leave the store as it is, but for the audit?
  bool only_looks() const noexcept { return !changes_many() && !is("edit"); }
  /// Does it work on those that a filter lets through?
  bool filters() const noexcept { return !is("show") && !is("edit") && !is("audit"); }
};

inline constexpr std::array dead_letter_actions{
    dead_letter_action{"list", "", "Lists dead letters, in the order of keys and arrival."},
    dead_letter_action{"show", "ID", "Shows all that is known about one, and its payload."},
    dead_letter_action{"histogram", "", "Counts them by stage and cause."},
    dead_letter_action{"edit", "ID", "Replaces the payload of one."},
    dead_letter_action{"replay", "",
                       "Asks for their replay: by the running pipeline, or when it starts next."},
    dead_letter_action{"cancel", "", "Takes back what was asked for, and not begun."},
    dead_letter_action{"purge", "", "Removes them for good."},
    dead_letter_action{"export", "", "Writes them as JSON, one a line."},
    dead_letter_action{"audit", "", "Shows who did what to them, and when."}};

/// The action of this name; null if there is none.
const dead_letter_action* action_named(std::string_view name) noexcept;

/// What `--help` shows of the command `name`.
std::string overview_of_actions(const std::string& name);

} // namespace weir::internal
