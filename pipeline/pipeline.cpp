#include <weir/pipeline/pipeline.hpp>

namespace weir {

pipeline::pipeline(std::string name, pipeline_options options)
    : plan_{std::make_shared<internal::plan>()} {
  plan_->graph.name = std::move(name);
  plan_->graph.supervision = options.supervision;
  plan_->replay = options.replay;
}

void pipeline::dead_letters_to(std::shared_ptr<dead_letter_store> store) {
  plan_->graph.has_dead_letters = store != nullptr;
  plan_->dead_letters = std::move(store);
}

void pipeline::replay_at(rate_limit rate) { plan_->replay.rate = rate; }

std::shared_ptr<dead_letter_store> pipeline::dead_letters() const { return plan_->dead_letters; }

bool pipeline::may_join(const internal::shared_plan& from, bool used, bool held_alike) {
  const auto refuse = [&](const std::string& what) {
    plan_->graph.mistakes.push_back("pipeline '" + name() + "': merge takes flows " + what);
  };
  if (from != plan_)
    refuse("of this pipeline, and one is of pipeline '" + from->graph.name + "'");
  else if (used)
    refuse("that were not used before, and one was; broadcast() makes several of one");
  else if (!held_alike)
    refuse("without a hold_key of their own: it goes behind the merge");
  return from == plan_;
}

void pipeline::positions_in(std::shared_ptr<position_store> store) {
  plan_->positions = std::move(store);
}

} // namespace weir
