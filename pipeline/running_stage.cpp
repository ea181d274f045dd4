#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/pipeline/running_stage.hpp>

#include <deque>
#include <map>
#include <utility>

namespace weir::internal {

std::string name_of_worker(const graph_stage& stage, std::uint32_t index) {
  return stage.options.workers == 1 ? stage.name : stage.name + "/" + std::to_string(index);
}

running_stage::running_stage(const graph_stage& of, time_point now)
    : described_{of}, permits_{of.options.rate, now}, limits_{of.options} {}

// --- the start ---------------------------------------------------------------------------------------

result<void> running_stage::read_held_keys(dead_letter_queue* letters,
                                           const std::string& pipeline) {
  if (!described_.held_max)
    return {};
  if (letters == nullptr)
    return fatal("stage '" + described_.name
                 + "' has hold_key, which needs a store of dead letters that can be read");
  keys_ = std::make_unique<held_keys>(hold_key_options{.held_max = *described_.held_max});
  std::map<std::string, std::deque<resume_point>> found;
  auto shown = for_each_letter(*letters, {.pipeline = pipeline, .stage = described_.name},
                               [&](const dead_letter& one) -> result<void> {
                                 if (!one.key.empty())
                                   found[one.key].push_back({one.source, one.position});
                                 return {};
                               });
  if (!shown)
    return std::move(shown.error());
  for (auto& [key, waiting] : found)
    keys_->found(key, std::move(waiting));
  return {};
}

void running_stage::make_workers(const parts& of, std::size_t first, pipeline_services& services,
                                 worker_observer& observer) {
  first_ = first;
  std::uint32_t partition = origin::partitions_max; // none
  if (of.begins_at)
    partition = services.books.open_partition(*of.begins_at);
  for (std::uint32_t n = 0; n < described_.options.workers; ++n) {
    const auto& where = of.where[n];
    auto& one = workers_.emplace_back(worker_and_mailbox{
        std::make_unique<worker>(name_of_worker(described_, n), services, observer, first + n,
                                 described_.name, n, described_.options, limits_, permits_,
                                 of.typed.make(where, partition)),
        where.in});
    if (where.replays != nullptr)
      one.mailbox.pop_back(); // the last one, see wiring
    auto& made = *one.runs;
    if (described_.kind == stage_kind::source)
      made.make_partitions();
    if (of.begins_at) {
      made.last_put = of.begins_at->from.position;
      made.partitions().add({partition});
      services.books.partition_at(partition).set_source(made);
    }
    made.set_keys(keys_.get());
    if (where.replays != nullptr)
      where.replays->set_consumer(&made);
  }
}

// --- while it runs -----------------------------------------------------------------------------------

void running_stage::wake() const {
  for (const auto& one : workers_)
    one.runs->wake();
}

void running_stage::pause() {
  limits_.pause();
  wake(); // so that one which rests says so
}

void running_stage::resume() {
  if (limits_.resume())
    wake();
}

void running_stage::set_rate(rate_limit limit, time_point now) {
  permits_.change(limit, now);
  wake();
}

void running_stage::set_in_flight_max(std::uint32_t items) {
  limits_.set_in_flight_max(items);
  wake();
}

void running_stage::set_attempts(std::uint32_t runs) {
  limits_.set_attempts(runs);
  wake();
}

void running_stage::set_timeout(std::chrono::milliseconds time) {
  limits_.set_timeout(time);
  wake();
}

void running_stage::set_item_time_max(std::chrono::milliseconds time) {
  limits_.set_item_time_max(time);
  wake();
}

stage_options running_stage::options() const {
  auto now = described_.options;
  const auto limits = limits_.now();
  now.rate = permits_.limit();
  now.in_flight_max = limits.in_flight_max;
  now.retry.attempts = limits.attempts;
  now.timeout = limits.timeout;
  now.item_time_max = limits.item_time_max;
  return now;
}

} // namespace weir::internal
