#include "call_stats.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace enrichment_api {

void sliding_second::add(time_point now) {
  calls_.push_back(now);
  peak_ = std::max(peak_, count(now));
}

std::size_t sliding_second::count(time_point now) {
  while (!calls_.empty() && now - calls_.front() >= std::chrono::seconds{1}) {
    calls_.pop_front();
  }
  return calls_.size();
}

void call_stats::arrived(time_point now) {
  ++calls_;
  in_flight_max_ = std::max(in_flight_max_, ++in_flight_);
  arrivals_.add(now);
}

void call_stats::accepted(time_point now) { acceptances_.add(now); }

std::uint64_t call_stats::asked_for(const std::string& key) {
  const auto known = calls_by_key_.find(key);
  if (known != calls_by_key_.end()) {
    return known->second++;
  }
  if (calls_by_key_.size() == keys_max) {
    return calls_;
  }
  calls_by_key_.emplace(key, 1);
  return 0;
}

void call_stats::answered(const std::string& outcome) { ++by_outcome_[outcome]; }

void call_stats::left() { --in_flight_; }

nlohmann::json call_stats::to_json(time_point now) {
  return {{"calls", calls_},
          {"by_outcome", by_outcome_},
          {"calls_in_last_second", arrivals_.count(now)},
          {"peak_calls_per_second", arrivals_.peak()},
          {"peak_accepted_per_second", acceptances_.peak()},
          {"distinct_keys", calls_by_key_.size()},
          {"in_flight", in_flight_},
          {"in_flight_max", in_flight_max_}};
}

} // namespace enrichment_api
