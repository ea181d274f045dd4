#include <weir/actors/runtime_caf.hpp>

#include <algorithm>

namespace weir {

namespace {

struct wake_message {};
struct timer_message {
  std::uint64_t generation;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, wake_message&) {
  return f(caf::meta::type_name("wake"));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, timer_message& x) {
  return f(caf::meta::type_name("timer"), x.generation);
}

} // namespace

void caf_driver::post() noexcept { caf::anon_send(handle_, wake_message{}); }

caf::behavior stage_actor::make_behavior() {
  return {[this](wake_message) { after(driver_->turn_after_wake()); },
          [this](timer_message fired) {
            if (fired.generation != generation_ || !armed_)
              return; // an earlier turn armed another one since
            armed_.reset();
            after(driver_->turn());
          }};
}

void stage_actor::after(activity next) {
  if (next.what != activity::kind::finished) {
    try {
      arm(next.until);
      return;
    } catch (...) { // CAF would end this actor, and nobody would hear of it
      driver_->crashed();
    }
  }
  quit();
  driver_->finished();
}

/// Sees to a turn at `until`.
void stage_actor::arm(std::optional<time_point> until) {
  if (!until || (armed_ && *armed_ <= *until))
    return; // the armed one comes first: the turn it gives will ask again
  armed_ = until;
  if (virtual_time::here() != nullptr) {
    alarm_.emplace(*armed_, [to = caf::actor_cast<caf::actor>(this), generation = ++generation_] {
      caf::anon_send(to, timer_message{generation});
    });
    return;
  }
  const auto delay = std::max(*until - clock::now(), {});
  delayed_send(this, delay, timer_message{++generation_});
}

void let_go_of_logger() noexcept { caf::logger::set_current_actor_system(nullptr); }

std::shared_ptr<caf_driver> drive_on(caf::actor_system& system, actor& who) {
  const struct letting_go { // also when there was no memory for it
    ~letting_go() { let_go_of_logger(); }
  } behind_both;
  auto made = std::make_shared<caf_driver>(who);
  made->attach(system.spawn<stage_actor>(made));
  return made;
}

} // namespace weir
