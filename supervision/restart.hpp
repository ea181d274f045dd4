#pragma once

#include <weir/supervision/retry.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

/// OTP's words for what happens when a child ends, and the table that decides.
namespace weir {

enum class exit_reason {
  normal,   ///< it had nothing more to do
  shutdown, ///< it was told to stop
  failed    ///< anything else
};

enum class restart {
  permanent, ///< always restarted
  transient, ///< restarted only after a failure
  temporary  ///< never restarted
};

enum class strategy {
  one_for_one,  ///< only the child that ended is restarted
  one_for_all,  ///< all children are stopped and started again
  rest_for_one, ///< the child that ended and those started after it are
  dynamic       ///< as one_for_one, over children of one spec that come and go while it runs
};

inline constexpr auto one_for_one = strategy::one_for_one;
inline constexpr auto one_for_all = strategy::one_for_all;
inline constexpr auto rest_for_one = strategy::rest_for_one;
inline constexpr auto dynamic = strategy::dynamic;

/// May a supervisor end because children of weight have ended?
enum class auto_shutdown {
  never,
  any_significant, ///< with the first significant child that ends by itself and isn't restarted
  all_significant  ///< with the last one
};

} // namespace weir

namespace weir::internal {

/// | restart \ reason | normal | shutdown | failed |
/// |------------------|--------|----------|--------|
/// | permanent        | yes    | yes      | yes    |
/// | transient        | no     | no       | yes    |
/// | temporary        | no     | no       | no     |
constexpr bool is_restarted(restart type, exit_reason reason) {
  return type == restart::permanent
         || (type == restart::transient && reason == exit_reason::failed);
}

} // namespace weir::internal

namespace weir {

/// How a supervisor treats its children.
struct supervision_options {
  weir::strategy strategy = one_for_one;
  /// More than `intensity` restarts within `period`, and the supervisor escalates.
  std::uint32_t intensity = 5;
  std::chrono::milliseconds period{30'000};
  /// The waits before each restart of a child, by the number of its restarts since it last did some work. What a child
  /// was charged with does not age while it waits: else long delays would keep the window from ever filling.
  backoff delays{.delay_min = std::chrono::milliseconds{5},
                 .delay_max = std::chrono::milliseconds{500}};
};

/// What is wrong with them, a sentence each.
std::vector<std::string> problems(const supervision_options& options);

} // namespace weir
