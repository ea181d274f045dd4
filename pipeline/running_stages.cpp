#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/pipeline/running_stages.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

result<void> running_stages::make(const plan& of, time_point now) {
  clear();
  auto* const letters = dynamic_cast<dead_letter_queue*>(of.dead_letters.get());
  for (const auto& one : of.graph.stages)
    if (auto read = stages_.emplace_back(one, now).read_held_keys(letters, of.graph.name); !read) {
      clear();
      return read;
    }
  return {};
}

void running_stages::make_workers(const plan& of, const wiring& wires,
                                  std::span<const std::optional<partition_opening>> partitions,
                                  pipeline_services& services, worker_observer& observer) {
  for (std::size_t k = 0; k < stages_.size(); ++k) {
    stages_[k].make_workers(
        {.typed = of.stages[k], .where = wires.ports_of(k), .begins_at = partitions[k]}, workers_,
        services, observer);
    workers_ += stages_[k].size();
  }
  wires_.assign(wires.wires().begin(), wires.wires().end());
  for (const auto& one : wires_) {
    one.ring->set_producer(&stages_[one.from][one.from_worker]);
    one.ring->set_consumer(&stages_[one.to][one.to_worker]);
  }
}

void running_stages::clear() {
  wires_.clear();
  stages_.clear();
  workers_ = 0;
}

running_stage* running_stages::find(std::string_view name) {
  const auto found = std::ranges::find_if(
      stages_, [name](const auto& one) { return one.described().name == name; });
  return found == stages_.end() ? nullptr : &*found;
}

const running_stage& running_stages::stage_of(std::size_t number) const {
  require(number < workers_, "running_stages: there is no worker of that number");
  return *std::prev(
      std::ranges::upper_bound(stages_, number, {}, [](const auto& one) { return one.first(); }));
}

worker& running_stages::worker_at(std::size_t number) const {
  const auto& stage = stage_of(number);
  return stage[number - stage.first()];
}

std::span<const std::shared_ptr<ring_base>> running_stages::mailbox_of(std::size_t number) const {
  const auto& stage = stage_of(number);
  return stage.mailbox(number - stage.first());
}

std::vector<edge_view> running_stages::edges() const {
  std::vector<edge_view> all;
  all.reserve(wires_.size());
  for (const auto& [ring, from, from_worker, to, to_worker] : wires_) {
    const auto read = ring->read_index(); // first: so it is not beyond what was written
    all.push_back({.from = from,
                   .from_worker = from_worker,
                   .to = to,
                   .to_worker = to_worker,
                   .capacity = ring->capacity(),
                   .written = std::max(read, ring->write_index()),
                   .read = read,
                   .credit_wanted = ring->producer_waits(),
                   .closed = ring->closed(),
                   .oldest_at_most = {}});
  }
  return all;
}

} // namespace weir::internal
