#pragma once

#include <weir/actors/runtime_engine.hpp>
#include <weir/actors/virtual_time.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <caf/all.hpp>

/// An actor of ours as an actor of CAF.
namespace weir {

class caf_driver;

/// The CAF actor behind an actor on a scheduler of CAF's.
class stage_actor final : public caf::event_based_actor {
public:
  stage_actor(caf::actor_config& config, std::shared_ptr<caf_driver> driver)
      : caf::event_based_actor{config}, driver_{std::move(driver)} {}

  const char* name() const override { return "weir.stage"; }
  caf::behavior make_behavior() override;
  void on_exit() override {
    alarm_.reset();
    driver_.reset(); // which holds this actor
  }

  /// Null once it has finished.
  const caf_driver* driver() const noexcept { return driver_.get(); }

private:
  void after(activity next);
  void arm(std::optional<time_point> until);

  std::shared_ptr<caf_driver> driver_;
  std::uint64_t generation_ = 0;    // of the armed timer
  std::optional<time_point> armed_; // when it fires
  std::optional<alarm> alarm_;      // that fires it in virtual time
};

class caf_driver final : public driven {
public:
  using driven::crashed;
  using driven::driven;
  using driven::finished;
  using driven::turn;
  using driven::turn_after_wake;

  void attach(caf::actor handle) { handle_ = std::move(handle); }
  void post() noexcept override;

private:
  caf::actor handle_; // set before the first post
};

/// A thread that makes a system of CAF's, or spawns in one, keeps a share of its logger, without which the system
/// can't end: until the thread ends, or in static storage one time too many. To be called behind both.
void let_go_of_logger() noexcept;

/// A driver of `who` on the scheduler of `system`.
std::shared_ptr<caf_driver> drive_on(caf::actor_system& system, actor& who);

} // namespace weir
