#include <weir/actors/clock.hpp>
#include <weir/actors/runtime_caf.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/logger.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

namespace weir::internal {

namespace {

/// What CAF carries for us: a number, which needs no announcing as a type of ours would. 0 is a wake, and others
/// are timers, by their generation.
using message = std::uint64_t;
constexpr message wake = 0;

class caf_driver final : public driven {
public:
  using driven::crashed;
  using driven::driven;
  using driven::finished;
  using driven::turn;
  using driven::turn_after_wake;

  void attach(caf::actor handle) { handle_ = std::move(handle); }
  void post() noexcept override { caf::anon_send(handle_, wake); }

private:
  caf::actor handle_; // set before the first post
};

/// The CAF actor behind an actor on a scheduler of CAF's.
class stage_actor final : public caf::event_based_actor {
public:
  stage_actor(caf::actor_config& config, std::shared_ptr<caf_driver> driver)
      : caf::event_based_actor{config}, driver_{std::move(driver)} {}

  const char* name() const override { return "weir.stage"; }
  caf::behavior make_behavior() override {
    return {[this](message what) {
      if (what == wake) {
        after(driver_->turn_after_wake());
      } else if (what == generation_ && armed_) { // or an earlier turn armed another one since
        armed_.reset();
        after(driver_->turn());
      }
    }};
  }
  void on_exit() override { driver_.reset(); } // which holds this actor

private:
  void after(activity next) {
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
  void arm(std::optional<time_point> until) {
    if (!until || (armed_ && *armed_ <= *until))
      return; // the armed one comes first: the turn it gives will ask again
    armed_ = until;
    const auto delay = std::max(*until - clock::now(), {});
    delayed_send(this, delay, message{++generation_});
  }

  std::shared_ptr<caf_driver> driver_;
  message generation_ = 0;          // of the armed timer
  std::optional<time_point> armed_; // when it fires
};

caf::actor_system_config& configured(caf::actor_system_config& config,
                                     const runtime_options& options) {
  const auto threads =
      options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  config.set("scheduler.max-threads", static_cast<std::size_t>(threads));
  config.set("scheduler.policy", caf::atom_from_string(options.policy));
  config.set("scheduler.max-throughput", static_cast<std::size_t>(16));
  return config;
}

/// A thread that makes a system of CAF's, or spawns in one, keeps a share of its logger, without which the system
/// can't end: until the thread ends, or in static storage one time too many. Lets go of it behind both.
struct letting_go_of_logger {
  letting_go_of_logger() = default;
  letting_go_of_logger(const letting_go_of_logger&) = delete;
  letting_go_of_logger& operator=(const letting_go_of_logger&) = delete;
  ~letting_go_of_logger() { caf::logger::set_current_actor_system(nullptr); }
};

} // namespace

struct caf_scheduler::system {
  explicit system(const runtime_options& options) : runs{configured(config, options)} {}

  caf::actor_system_config config;
  caf::actor_system runs;
};

caf_scheduler::caf_scheduler(const runtime_options& options)
    : system_{[&] {
        const letting_go_of_logger behind;
        return std::make_unique<system>(options);
      }()} {}

caf_scheduler::~caf_scheduler() = default;

std::shared_ptr<driven> caf_scheduler::drive(actor& who) {
  const letting_go_of_logger behind; // also when there was no memory for it
  auto made = std::make_shared<caf_driver>(who);
  made->attach(system_->runs.spawn<stage_actor>(made));
  return made;
}

} // namespace weir::internal
