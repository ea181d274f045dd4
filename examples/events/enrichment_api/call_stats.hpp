#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>

#include <nlohmann/json_fwd.hpp>

namespace enrichment_api {

/// Counts calls within the last second, and remembers the highest count. Exact: it keeps the time of each call
/// of that second. Two calls are in one second if the later came less than one second after the earlier.
class sliding_second {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Requires `now` not to go back.
  void add(time_point now);
  std::size_t count(time_point now);
  std::size_t peak() const { return peak_; }

private:
  std::deque<time_point> calls_;
  std::size_t peak_ = 0;
};

/// What `GET /stats` answers: every call to `/lookup`, whatever it was answered.
class call_stats {
public:
  using time_point = sliding_second::time_point;

  /// Keys beyond this many are served, but no longer told apart.
  static constexpr std::size_t keys_max = 1'000'000;

  void arrived(time_point now);
  void accepted(time_point now);
  /// Answers how many calls for this key there were before this one.
  std::uint64_t asked_for(const std::string& key);
  /// `outcome` is the HTTP status as text, or "garbage" or "hung" for a call that got no proper answer.
  void answered(const std::string& outcome);
  void left();

  nlohmann::json to_json(time_point now);

private:
  std::uint64_t calls_ = 0;
  std::uint64_t in_flight_ = 0;
  std::uint64_t in_flight_max_ = 0;
  sliding_second arrivals_;
  sliding_second acceptances_;
  std::map<std::string, std::uint64_t> by_outcome_;
  std::unordered_map<std::string, std::uint64_t> calls_by_key_;
};

} // namespace enrichment_api
