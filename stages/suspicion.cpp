#include <weir/stages/suspicion.hpp>

#include <weir/mailbox/origin_group.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>

namespace weir::internal {

using namespace std::chrono_literals;

suspicion::suspicion(pipeline_services& services, const std::string& stage,
                     const retry_policy& retry, waker& who)
    : services_{services},
      retry_{retry},
      who_{who},
      stage_key_{flight_key(services.pipeline, stage)} {}

suspicion::~suspicion() { withdraw(); }

bool suspicion::any_recorded() const noexcept { return services_.recorder->suspects().remain(); }

bool suspicion::at_any_stage(origin where) const {
  if (where.empty())
    return false;
  if (where.is_group())
    return std::ranges::any_of(where.group()->members(),
                               [this](origin one) { return at_any_stage(one); });
  return services_.recorder->suspects().any_at(
      services_.books.partition_at(where.partition()).key(), where.position());
}

std::optional<suspect> suspicion::at(origin where) const {
  if (where.empty())
    return std::nullopt;
  if (!where.is_group())
    return services_.recorder->suspects().at(
        stage_key_, services_.books.partition_at(where.partition()).key(), where.position());
  std::optional<suspect> gravest;
  for (const auto one : where.group()->members())
    if (const auto known = at(one); known && (!gravest || known->attempts() > gravest->attempts()))
      gravest = known;
  return gravest;
}

std::optional<failure> suspicion::sentence(const suspect& known) const {
  const auto most = retry_.attempts == unlimited ? flight_recorder::deaths_max : retry_.attempts;
  // Somebody who was only there goes on: running alone, it will not be there the next time.
  if (known.deaths == 0 || known.alone == 0 || known.attempts() < most
      || services_.dead_letters == nullptr)
    return std::nullopt;
  return poison(cause_of_death(known.last_status()) + " while in hand, "
                + std::to_string(known.deaths) + (known.deaths == 1 ? " time" : " times"));
}

bool suspicion::enter(bool alone) {
  const bool entered = services_.recorder->suspects().enter(alone, who_);
  if (entered)
    ++entered_;
  return entered;
}

void suspicion::leave() noexcept {
  --entered_;
  services_.recorder->suspects().leave();
}

void suspicion::withdraw() noexcept {
  if (services_.recorder != nullptr)
    services_.recorder->suspects().withdraw(who_);
}

void suspicion::over() noexcept {
  while (entered_ > 0)
    leave();
  withdraw();
}

void suspicion::forget_settled(time_point now) {
  constexpr auto every = 10ms;
  if (now - looked_at_partitions_ < every)
    return;
  looked_at_partitions_ = now;
  services_.note_settled();
}

} // namespace weir::internal
