#include <weir/mailbox/require.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/item_run.hpp>

namespace weir {

context::context(internal::item_run& run) : place_{run.place()}, run_{&run} {}

const std::string& context::pipeline() const { return place_.pipeline; }
const std::string& context::stage() const { return place_.stage; }
std::uint32_t context::worker_index() const { return place_.worker_index; }
time_point context::now() const { return run_ != nullptr ? run_->began() : turn_->now(); }
runtime& context::node() const { return *place_.node; }

bool context::progress() const { return run_ == nullptr || run_->progress(); }
context::protected_wait::protected_wait(internal::item_run* run) : run_{run} {
  if (run_ != nullptr)
    run_->waits();
}
context::protected_wait::~protected_wait() {
  if (run_ != nullptr)
    run_->goes_on();
}

waker& context::source_waker() const { return *place_.worker_waker; }
void context::wake_at(time_point when) const {
  if (run_ != nullptr)
    run_->wake_at(when);
  else
    turn_->wake_at(when);
}
std::stop_token context::stopping() const {
  return run_ != nullptr ? run_->stopping() : place_.stopping;
}
std::uint64_t context::last_position() const {
  return run_ != nullptr ? 0 : turn_->last_position();
}
weir::partitions& context::partitions() const {
  internal::require(turn_ != nullptr, "context: a source asks for its partitions in its turns");
  return turn_->partitions();
}
void context::wake_when_credit(std::size_t items) const {
  internal::require(turn_ != nullptr, "context: a source asks for credit in its turns");
  turn_->wake_when_credit(items);
}
std::vector<partition_point> context::points(std::span<const std::size_t> rejected) const {
  return run_ != nullptr ? run_->points.without(rejected) : turn_->points(rejected);
}
const position_store* context::positions() const { return place_.positions; }

} // namespace weir
