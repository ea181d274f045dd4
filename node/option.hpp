#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// One declared option: its name, where its value is stored, what values it takes, and what help
/// says of it.
///
/// Owner: the `configuration` that declared it. The target must outlive that configuration's
/// `parse()`.
/// Invariants: the target only ever holds its default or a value that was checked.
/// Failure: a value that isn't acceptable leaves the target as it was; declarations that can't be
/// meant (a bad name, a range on a string) abort with a sentence.
namespace weir {

/// The types an option's value may have. A list is given by repeating the flag, with commas in an
/// environment variable, and as a list in a file. A duration is a whole number with its unit: ms,
/// s, m or h; at most a year, unless its range says otherwise.
using option_target =
    std::variant<bool*, std::string*, std::uint32_t*, std::uint64_t*, std::int64_t*, double*,
                 std::chrono::milliseconds*, std::vector<std::string>*, std::optional<std::string>*,
                 std::optional<std::uint32_t>*, std::optional<std::uint64_t>*,
                 std::optional<std::int64_t>*, std::optional<double>*,
                 std::optional<std::chrono::milliseconds>*>;

/// How a value is written: decides which JSON type a file must use.
enum class option_kind { boolean, integer, real, text, duration, list };

/// Where the value in force came from.
enum class option_origin { by_default, file, environment, flag };

std::string_view to_string(option_origin origin) noexcept;

class option {
public:
  option(std::string name, option_target target, std::string text);

  /// Refuses numbers outside [min, max].
  option& range(long double min, long double max);
  /// Refuses durations outside [min, max].
  option& range(std::chrono::milliseconds min, std::chrono::milliseconds max);
  /// Refuses numbers below `min`.
  option& at_least(long double min);
  /// Refuses strings that aren't among these.
  option& one_of(std::initializer_list<std::string> choices);
  /// Refuses a start without a value from a flag, the environment or a file.
  option& required();
  /// The value is shown nowhere: not in help, not in `dump()`, not in messages.
  option& secret();
  /// What help writes after the flag, "FILE" in "--input FILE".
  option& value_name(std::string name);

  /// As declared: words with '-' between them, groups with '.' ("node.drain-timeout").
  const std::string& name() const noexcept { return name_; }
  /// "--node-drain-timeout"
  std::string flag() const;
  /// "EVENTS_NODE_DRAIN_TIMEOUT" in the program `events`.
  std::string variable(std::string_view program) const;
  /// "/node/drain_timeout", the place in a configuration file (RFC 6901).
  std::string pointer() const;

  option_kind kind() const noexcept { return kind_; }
  option_origin origin() const noexcept { return origin_; }
  const std::string& text() const noexcept { return text_; }
  const std::string& value_name() const noexcept { return value_name_; }
  bool is_required() const noexcept { return required_; }
  bool is_secret() const noexcept { return secret_; }

  /// What is accepted: "a whole number from 1 to 1000000".
  std::string expected() const;
  /// The declared limits of it, "from 1 to 1000000", or nothing.
  std::string limits() const { return limits(min_, max_); }
  /// "; did you mean "http"?" if `given` is nearly one of the choices, else nothing.
  std::string hint(std::string_view given) const;

  /// Stores the value, and where it came from; false if it isn't what is expected: one text, for
  /// everything but a list.
  bool assign(const std::vector<std::string>& texts, option_origin from);
  /// Empties an optional value; false if the value isn't optional.
  bool clear(option_origin from);
  /// The value in force as `assign` takes it; nothing if it is optional and empty.
  std::optional<std::vector<std::string>> value() const;

private:
  template <class T>
  bool accepts(const T& value) const;
  std::string limits(std::optional<long double> min, std::optional<long double> max) const;

  std::string name_;
  option_target target_;
  option_kind kind_;
  std::string text_;
  std::string value_name_;
  std::optional<long double> min_; // of a duration in milliseconds
  std::optional<long double> max_;
  std::vector<std::string> choices_;
  bool required_ = false;
  bool secret_ = false;
  option_origin origin_ = option_origin::by_default;
};

} // namespace weir
