#include <weir/supervision/restart.hpp>

#include <cmath>

namespace weir {

namespace {

std::string found(auto value) { return ", found " + std::to_string(value); }

} // namespace

std::vector<std::string> problems(const supervision_options& options) {
  std::vector<std::string> all;
  if (options.strategy < strategy::one_for_one || options.strategy > strategy::dynamic)
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
