#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/pipeline/stage_keys.hpp>

#include <deque>
#include <map>
#include <string>
#include <utility>

namespace weir {

namespace {

/// Holds the keys whose letters the store has of this stage.
result<void> hold_what_is_kept(held_keys& keys, dead_letter_queue& queue,
                               const std::string& pipeline, const std::string& stage) {
  std::map<std::string, std::deque<resume_point>> found;
  auto shown = for_each_letter(queue, {.pipeline = pipeline, .stage = stage},
                               [&](const dead_letter& one) -> result<void> {
                                 if (!one.key.empty())
                                   found[one.key].push_back({one.source, one.position});
                                 return {};
                               });
  if (!shown)
    return std::move(shown.error());
  for (auto& [key, letters] : found)
    keys.found(key, std::move(letters));
  return {};
}

} // namespace

result<stage_keys> read_stage_keys(const plan& of) {
  auto* const queue = dynamic_cast<dead_letter_queue*>(of.dead_letters.get());
  stage_keys all;
  for (const auto& stage : of.graph.stages) {
    all.emplace_back();
    if (!stage.held_max)
      continue;
    if (queue == nullptr)
      return fatal("stage '" + stage.name
                   + "' has hold_key, which needs a store of dead letters that can be read");
    all.back() = std::make_unique<held_keys>(hold_key_options{.held_max = *stage.held_max});
    if (auto done = hold_what_is_kept(*all.back(), *queue, of.graph.name, stage.name); !done)
      return std::move(done.error());
  }
  return all;
}

} // namespace weir
