#pragma once

#include <chrono>

namespace weir {

/// What a child is to its supervisor, which gives supervisors more time.
enum class child_type { worker, supervisor };

/// How long a child may take to stop once it was told to.
struct shutdown {
  enum class kind {
    within,     ///< so long, then it is killed
    infinite,   ///< as long as it likes
    brutal_kill ///< it isn't told, it is killed
  };
  kind how = kind::within;
  std::chrono::milliseconds time{5000}; ///< of within

  template <class Number, class Period>
  constexpr shutdown(std::chrono::duration<Number, Period> within)
      : time{std::chrono::ceil<std::chrono::milliseconds>(within)} {}
  static constexpr shutdown infinite() { return shutdown{kind::infinite}; }
  static constexpr shutdown brutal_kill() { return shutdown{kind::brutal_kill}; }

  /// These are OTP's times: 5 s for a worker, and a supervisor may take what its own children need.
  static constexpr shutdown usual(child_type type) {
    return type == child_type::supervisor ? infinite() : shutdown{std::chrono::milliseconds{5000}};
  }

  bool operator==(const shutdown&) const = default;

private:
  constexpr explicit shutdown(kind which) : how{which}, time{0} {}
};

} // namespace weir
