#include "fault_plan.hpp"

#include "stable_hash.hpp"

#include <weir/stages/json.hpp>

#include <stdexcept>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace enrichment_api {

namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds slow_max = std::chrono::minutes{10};

[[noreturn]] void refuse(std::string_view where, std::string_view expected,
                         const std::string& found) {
  throw std::invalid_argument{std::string{where} + ": expected " + std::string{expected}
                              + ", found " + found};
}

template <class T>
T read(const std::string& name, const json& value, bool right_type, std::string_view expected) {
  if (!right_type) {
    refuse(name, expected, value.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  return value.get<T>();
}

void check_share(std::string_view where, double share) {
  if (!(share >= 0 && share <= 1)) { // so written, it refuses NaN too
    refuse(where, "a fraction from 0 to 1", std::to_string(share));
  }
}

void check(const fault_set& wanted) {
  if (wanted.slow.count() < 0 || wanted.slow > slow_max) {
    refuse("slow", "milliseconds from 0 to " + std::to_string(slow_max.count()),
           std::to_string(wanted.slow.count()));
  }
  check_share("fail", wanted.fail);
  check_share("hang", wanted.hang);
  check_share("garbage", wanted.garbage);
  constexpr double rounding = 1e-9;
  if (const auto sum = wanted.fail + wanted.hang + wanted.garbage; sum > 1 + rounding) {
    refuse("fail, hang and garbage", "a sum of at most 1", std::to_string(sum));
  }
  if (wanted.status && (*wanted.status < 400 || *wanted.status > 599)) {
    refuse("status", "an HTTP status from 400 to 599", std::to_string(*wanted.status));
  }
}

} // namespace

fault_set faults_from_json(const std::string& text) {
  const auto read_text = weir::read_json(text);
  if (!read_text || !read_text->is_object()) {
    refuse("faults", "a JSON object", read_text ? read_text->type_name() : "broken JSON");
  }
  const auto& wanted = *read_text;
  constexpr std::string_view number = "a number";
  constexpr std::string_view whole_number = "a whole number";
  fault_set read_faults;
  for (const auto& [name, value] : wanted.items()) {
    if (name == "slow") {
      read_faults.slow = std::chrono::milliseconds{
          read<std::int64_t>(name, value, value.is_number_integer(), whole_number)};
    } else if (name == "fail") {
      read_faults.fail = read<double>(name, value, value.is_number(), number);
    } else if (name == "hang") {
      read_faults.hang = read<double>(name, value, value.is_number(), number);
    } else if (name == "garbage") {
      read_faults.garbage = read<double>(name, value, value.is_number(), number);
    } else if (name == "status") {
      read_faults.status = read<std::int64_t>(name, value, value.is_number_integer(), whole_number);
    } else if (name == "match") {
      read_faults.match = read<std::string>(name, value, value.is_string(), "a string");
    } else {
      refuse(name, "one of slow, fail, hang, garbage, status, match", "an unknown member");
    }
  }
  return read_faults;
}

json to_json(const fault_set& faults) {
  return {{"slow", faults.slow.count()},
          {"fail", faults.fail},
          {"hang", faults.hang},
          {"garbage", faults.garbage},
          {"status", faults.status ? json(*faults.status) : json(nullptr)},
          {"match", faults.match}};
}

void fault_plan::set(fault_set wanted) {
  check(wanted);
  faults_ = std::move(wanted);
}

verdict fault_plan::decide(const std::string& key, std::uint64_t calls_before) const {
  if (!key.starts_with(faults_.match)) {
    return {};
  }
  const auto dice = stable_hash(key + "#" + std::to_string(calls_before), seed_);
  const auto share = to_fraction(dice);
  const auto variety = static_cast<unsigned>(stable_hash("variety", dice) % 1024);
  if (share < faults_.hang) {
    return {faults_.slow, outcome::hang, 0, 0};
  }
  if (share < faults_.hang + faults_.garbage) {
    return {faults_.slow, outcome::garbage, 200, variety};
  }
  if (share < faults_.hang + faults_.garbage + faults_.fail) {
    return {faults_.slow, outcome::fail, variety % 2 == 0 ? 500 : 503, 0};
  }
  if (faults_.status) {
    return {faults_.slow, outcome::status, *faults_.status, 0};
  }
  return {faults_.slow, outcome::facts, 200, 0};
}

} // namespace enrichment_api
