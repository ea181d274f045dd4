#include <weir/actors/context.hpp>
#include <weir/actors/worker.hpp>

namespace weir {

const std::string& context::pipeline() const {
  return run_ != nullptr ? run_->place().pipeline : who_->services().pipeline;
}
const std::string& context::stage() const {
  return run_ != nullptr ? run_->place().stage : who_->stage();
}
std::uint32_t context::worker_index() const {
  return run_ != nullptr ? run_->place().worker_index : who_->index_in_stage();
}
time_point context::now() const { return run_ != nullptr ? run_->began() : who_->now(); }
runtime& context::node() const {
  return run_ != nullptr ? *run_->place().node : who_->services().node;
}

bool context::progress() const { return run_ == nullptr || run_->progress(); }
context::protected_wait::protected_wait(item_run* run) : run_{run} {
  if (run_ != nullptr)
    run_->waits();
}
context::protected_wait::~protected_wait() {
  if (run_ != nullptr)
    run_->goes_on();
}

waker& context::source_waker() const {
  return run_ != nullptr ? *run_->place().worker_waker : *who_;
}
void context::wake_at(time_point when) const {
  if (run_ != nullptr)
    run_->wake_at(when);
  else
    who_->wake_at(when);
}
std::stop_token context::stopping() const {
  return run_ != nullptr ? run_->stopping() : who_->services().stopping.get_token();
}
std::uint64_t context::last_position() const { return run_ != nullptr ? 0 : who_->last_position; }
std::vector<resume_point> context::resume_points() const {
  return run_ != nullptr ? run_->resume_points : who_->books().resume_points(who_->batch_in_hand);
}

} // namespace weir
