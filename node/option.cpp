#include <weir/node/option.hpp>
#include <weir/node/spelling.hpp>
#include <weir/node/value_text.hpp>
#include <weir/supervision/retry.hpp>

#include <algorithm>
#include <cctype>
#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <type_traits>

namespace weir {

namespace {

using std::chrono::milliseconds;

/// Of a duration without a declared range, in milliseconds.
constexpr auto duration_most = static_cast<long double>(milliseconds{duration_max}.count());

void require(bool held, const std::string& name, const char* sentence) {
  if (held)
    return;
  std::fprintf(stderr, "weir: option '%s': %s\n", name.c_str(), sentence);
  std::abort();
}

template <class T>
struct unwrapped {
  using type = T;
};
template <class T>
struct unwrapped<std::optional<T>> {
  using type = T;
};
/// T of a `T*` or of an `std::optional<T>*`.
template <class Pointer>
using value_of = typename unwrapped<std::remove_pointer_t<Pointer>>::type;

template <class Pointer>
constexpr bool is_optional = !std::same_as<value_of<Pointer>, std::remove_pointer_t<Pointer>>;

template <class T>
constexpr option_kind kind_of() {
  if constexpr (std::same_as<T, bool>)
    return option_kind::boolean;
  else if constexpr (std::integral<T>)
    return option_kind::integer;
  else if constexpr (std::floating_point<T>)
    return option_kind::real;
  else if constexpr (std::same_as<T, milliseconds>)
    return option_kind::duration;
  else if constexpr (std::same_as<T, std::vector<std::string>>)
    return option_kind::list;
  else
    return option_kind::text;
}

std::string bound(option_kind kind, long double value) {
  if (kind == option_kind::duration)
    return internal::write_text(milliseconds{static_cast<std::int64_t>(value)});
  return kind == option_kind::integer && value >= 0
             ? internal::write_text(static_cast<std::uint64_t>(value))
         : kind == option_kind::integer ? internal::write_text(static_cast<std::int64_t>(value))
                                        : internal::write_text(static_cast<double>(value));
}

std::string replaced(std::string text, char from, char to) {
  std::replace(text.begin(), text.end(), from, to);
  return text;
}

std::string upper(std::string_view text) {
  std::string made{text};
  for (auto& one : made)
    one = std::isalnum(static_cast<unsigned char>(one)) != 0
              ? static_cast<char>(std::toupper(static_cast<unsigned char>(one)))
              : '_';
  return made;
}

bool good_name(std::string_view name) {
  constexpr auto letters = "abcdefghijklmnopqrstuvwxyz";
  return name.size() > 1 && name.find_first_of(letters) == 0
         && name.find_first_not_of(std::string{letters} + "0123456789-.") == std::string_view::npos;
}

} // namespace

std::string_view to_string(option_origin origin) noexcept {
  switch (origin) {
  case option_origin::by_default:
    return "default";
  case option_origin::file:
    return "file";
  case option_origin::environment:
    return "environment";
  case option_origin::flag:
    return "flag";
  }
  return "unknown";
}

option::option(std::string name, option_target target, std::string text)
    : name_{std::move(name)},
      target_{target},
      kind_{std::visit([](auto* to) { return kind_of<value_of<decltype(to)>>(); }, target)},
      text_{std::move(text)} {
  require(good_name(name_), name_, "a name is made of a-z, 0-9, '-' and, between groups, '.'");
  constexpr const char* names[] = {"", "N", "X", "TEXT", "TIME", "TEXT"};
  value_name_ = names[static_cast<std::size_t>(kind_)];
}

option& option::range(long double min, long double max) {
  require(min <= max, name_, "the range is empty");
  require(kind_ == option_kind::integer || kind_ == option_kind::real, name_,
          "only a number has a range of numbers");
  min_ = min;
  max_ = max;
  return *this;
}

option& option::range(milliseconds min, milliseconds max) {
  require(min <= max, name_, "the range is empty");
  require(kind_ == option_kind::duration, name_, "only a duration has a range of durations");
  min_ = static_cast<long double>(min.count());
  max_ = static_cast<long double>(max.count());
  return *this;
}

option& option::at_least(long double min) {
  require(kind_ == option_kind::integer || kind_ == option_kind::real, name_,
          "only a number can be at least a number");
  min_ = min;
  return *this;
}

option& option::one_of(std::initializer_list<std::string> choices) {
  require(kind_ == option_kind::text || kind_ == option_kind::list, name_,
          "only strings are one of some strings");
  choices_ = choices;
  return *this;
}

option& option::required() {
  required_ = true;
  return *this;
}

option& option::secret() {
  secret_ = true;
  return *this;
}

option& option::value_name(std::string name) {
  value_name_ = std::move(name);
  return *this;
}

std::string option::flag() const { return "--" + replaced(name_, '.', '-'); }

std::string option::variable(std::string_view program) const {
  return upper(program) + "_" + upper(name_);
}

std::string option::pointer() const { return "/" + replaced(replaced(name_, '-', '_'), '.', '/'); }

std::string option::limits(std::optional<long double> min, std::optional<long double> max) const {
  if (!choices_.empty()) {
    std::string made = "one of ";
    for (const auto& one : choices_)
      made += (&one == &choices_.front() ? "" : ", ") + one;
    return made;
  }
  if (min && max)
    return "from " + bound(kind_, *min) + " to " + bound(kind_, *max);
  return min ? bound(kind_, *min) + " or more" : std::string{};
}

std::string option::expected() const {
  constexpr const char* kinds[] = {"true or false", "a whole number", "a number",
                                   "a string",      "a duration",     "a list of strings"};
  std::string made = kinds[static_cast<std::size_t>(kind_)];
  if (kind_ == option_kind::duration)
    made += " such as 250ms, 25s or 2m";
  // What the type itself doesn't hold is outside its limits too.
  auto min = min_;
  auto max = max_;
  if (std::holds_alternative<std::uint32_t*>(target_)
      || std::holds_alternative<std::optional<std::uint32_t>*>(target_)) {
    min = min.value_or(0);
    max = max.value_or(std::numeric_limits<std::uint32_t>::max());
  } else if (std::holds_alternative<std::uint64_t*>(target_)
             || std::holds_alternative<std::optional<std::uint64_t>*>(target_)) {
    min = min.value_or(0);
  } else if (kind_ == option_kind::duration) {
    min = min.value_or(0);
    max = max.value_or(duration_most);
  }
  auto limit = limits(min, max);
  if (kind_ == option_kind::text && !limit.empty())
    return limit;
  return limit.empty() ? made : made + (limit.starts_with("from") ? " " : ", ") + limit;
}

std::string option::hint(std::string_view given) const {
  return internal::did_you_mean(given, choices_);
}

template <class T>
bool option::accepts(const T& value) const {
  if constexpr (std::same_as<T, std::string>) {
    return choices_.empty() || std::find(choices_.begin(), choices_.end(), value) != choices_.end();
  } else if constexpr (std::same_as<T, milliseconds>) {
    const auto count = static_cast<long double>(value.count());
    return count >= min_.value_or(0) && count <= max_.value_or(duration_most);
  } else {
    const auto number = static_cast<long double>(value);
    return number >= min_.value_or(number) && number <= max_.value_or(number);
  }
}

bool option::assign(const std::vector<std::string>& texts, option_origin from) {
  const auto stored = std::visit(
      [&](auto* target) {
        using value_type = value_of<decltype(target)>;
        if constexpr (std::same_as<value_type, std::vector<std::string>>) {
          if (!std::all_of(texts.begin(), texts.end(),
                           [&](const auto& one) { return accepts(one); }))
            return false;
          *target = texts;
        } else {
          value_type value{};
          if (texts.size() != 1 || !internal::read_text(texts.front(), value) || !accepts(value))
            return false;
          *target = std::move(value);
        }
        return true;
      },
      target_);
  if (stored)
    origin_ = from;
  return stored;
}

bool option::clear(option_origin from) {
  return std::visit(
      [&](auto* target) {
        if constexpr (is_optional<decltype(target)>) {
          target->reset();
          origin_ = from;
        }
        return is_optional<decltype(target)>;
      },
      target_);
}

std::optional<std::vector<std::string>> option::value() const {
  return std::visit(
      [](const auto* target) -> std::optional<std::vector<std::string>> {
        using pointer = std::remove_const_t<std::remove_pointer_t<decltype(target)>>*;
        if constexpr (kind_of<value_of<pointer>>() == option_kind::list)
          return *target;
        else if constexpr (is_optional<pointer>)
          return *target ? std::optional{std::vector{internal::write_text(**target)}}
                         : std::nullopt;
        else
          return std::vector{internal::write_text(*target)};
      },
      target_);
}

} // namespace weir
