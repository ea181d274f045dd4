#include <weir/supervision/child_spec.hpp>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>

namespace weir {

namespace {

constexpr std::size_t id_bytes_max = 200;

template <class Enum>
bool is_one_of(Enum value, Enum last) {
  return static_cast<int>(value) >= 0 && static_cast<int>(value) <= static_cast<int>(last);
}

std::string found(auto value) { return ", found " + std::to_string(value); }

} // namespace

std::vector<std::string> problems(const child_spec& spec, auto_shutdown use_of_significance) {
  std::vector<std::string> all;
  const auto says = [&](std::string what) {
    all.push_back("child '" + spec.id.substr(0, id_bytes_max) + "': " + std::move(what));
  };
  if (spec.id.empty())
    says("the id must not be empty");
  if (spec.id.size() > id_bytes_max)
    says("the id must not be longer than 200 bytes" + found(spec.id.size()));
  if (std::ranges::any_of(spec.id, [](unsigned char one) { return std::iscntrl(one) != 0; }))
    says("the id must not hold control characters");
  if (!spec.start)
    says("start is missing");
  if (!is_one_of(spec.restart, restart::temporary))
    says("restart is permanent, transient or temporary" + found(static_cast<int>(spec.restart)));
  if (!is_one_of(spec.type, child_type::supervisor))
    says("type is worker or supervisor" + found(static_cast<int>(spec.type)));
  if (spec.shutdown && !is_one_of(spec.shutdown->how, shutdown::kind::brutal_kill))
    says("shutdown is a time, infinite or brutal_kill"
         + found(static_cast<int>(spec.shutdown->how)));
  if (spec.shutdown && spec.shutdown->time.count() < 0)
    says("shutdown must not be negative" + found(spec.shutdown->time.count()) + " ms");
  if (spec.shutdown && spec.shutdown->time > duration_max)
    says("shutdown must not be longer than a year" + found(spec.shutdown->time.count()) + " ms");
  if (spec.significant && spec.restart == restart::permanent)
    says("significant needs restart transient or temporary, found permanent");
  if (spec.significant && use_of_significance == auto_shutdown::never)
    says("significant needs a supervisor with auto_shutdown, found never");
  return all;
}

std::vector<std::string> problems(const supervision_options& options) {
  std::vector<std::string> all;
  if (!is_one_of(options.strategy, strategy::dynamic))
    all.push_back("strategy is one_for_one, one_for_all, rest_for_one or dynamic"
                  + found(static_cast<int>(options.strategy)));
  if (options.intensity == unlimited)
    all.emplace_back("intensity is a number of restarts, found unlimited");
  if (options.period.count() <= 0)
    all.push_back("period must be longer than 0" + found(options.period.count()) + " ms");
  if (options.period > duration_max)
    all.push_back("period must not be longer than a year" + found(options.period.count()) + " ms");
  const auto& delays = options.delays;
  if (delays.delay_min.count() < 0 || delays.delay_max < delays.delay_min)
    all.push_back("delays: 0 <= delay_min <= delay_max" + found(delays.delay_min.count())
                  + " ms and " + std::to_string(delays.delay_max.count()) + " ms");
  if (!std::isfinite(delays.factor) || delays.factor < 1)
    all.push_back("delays: factor must be at least 1" + found(delays.factor));
  if (!(delays.jitter >= 0 && delays.jitter <= 1))
    all.push_back("delays: jitter is between 0 and 1" + found(delays.jitter));
  return all;
}

} // namespace weir
