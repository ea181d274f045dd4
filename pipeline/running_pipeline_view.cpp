#include <weir/pipeline/running_pipeline.hpp>
#include <weir/supervision/flight_recorder.hpp>

// What can be seen of a pipeline.

namespace weir {

namespace {

/// A worker that waits for credit waits for that of its edges which it has announced it on.
void find_what_is_waited_on(pipeline_view& all) {
  for (std::size_t k = 0; k < all.edges.size(); ++k) {
    const auto& edge = all.edges[k];
    auto& before = all.stages[edge.from].workers[edge.from_worker];
    if (before.does == waiting_as::credit && edge.credit_wanted)
      before.waits_on.push_back(k);
  }
}

} // namespace

pipeline_view running_pipeline::view() const {
  pipeline_view all;
  all.pipeline = name();
  all.seen_at = node_.now();
  all.ledger = services_.books.totals();
  all.settled_twice = services_.books.settled_twice();
  if (dead_letters_) {
    all.dead_letters_waiting = dead_letters_->waiting();
    all.dead_letters_trouble = dead_letters_->trouble();
  }
  if (replays_) {
    all.replays_in_flight = replays_->in_flight();
    if (all.dead_letters_trouble.empty())
      all.dead_letters_trouble = replays_->trouble();
  }
  if (services_.recorder != nullptr && services_.recorder->last_life().died)
    all.last_death = services_.recorder->last_life().deaths.back();
  if (stages_.workers_count() == 0) // it was never started
    return all;
  for (const auto& one : stages_.all()) {
    all.stages.push_back(one.view(*supervisor_));
    for (const auto& worker : all.stages.back().workers)
      for (const auto since : worker.abandoned_since)
        all.abandoned.push_back({all.stages.back().stage, worker.name, since});
  }
  const auto before = node_.now();
  all.edges = stages_.edges();
  ages_.tell(all.edges, before, node_.now());
  find_what_is_waited_on(all);
  return all;
}

} // namespace weir
