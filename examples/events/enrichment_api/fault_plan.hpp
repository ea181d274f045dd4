#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace enrichment_api {

/// What shall go wrong with calls to `/lookup`. Calls over the rate limit are answered 429 before any of it.
struct fault_set {
  std::chrono::milliseconds slow{0};  ///< added before any answer; at most 10 minutes
  double fail = 0;                    ///< share of calls answered 500 or 503
  double hang = 0;                    ///< share of calls never answered
  double garbage = 0;                 ///< share of calls answered with something broken
  std::optional<std::int64_t> status; ///< the other calls are answered this; 400 to 599
  std::string match;                  ///< only for keys that begin with this
};

/// Throws `std::invalid_argument`, saying which member, what was expected and what was found.
fault_set faults_from_json(const std::string& text);
nlohmann::json to_json(const fault_set& faults);

enum class outcome { facts, fail, hang, garbage, status };

/// What happens to one call.
struct verdict {
  std::chrono::milliseconds delay{0};
  outcome what = outcome::facts;
  std::int64_t status = 200;
  unsigned variety = 0; ///< which of the kinds of garbage
};

/// The faults in force, and the dice. A verdict depends on seed, key and how often that key was asked for
/// before: not on time, nor on the order of calls for different keys.
class fault_plan {
public:
  explicit fault_plan(std::int64_t seed) : seed_{static_cast<std::uint64_t>(seed)} {}

  /// Replaces what was in force. Throws `std::invalid_argument` and changes nothing if a value is out of range.
  void set(fault_set wanted);
  const fault_set& in_force() const { return faults_; }

  verdict decide(const std::string& key, std::uint64_t calls_before) const;

private:
  const std::uint64_t seed_;
  fault_set faults_;
};

} // namespace enrichment_api
