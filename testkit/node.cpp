#include <weir/testkit/node.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace weir::testkit {

namespace {

runtime_options options_for(std::optional<seeded>& chance) {
  runtime_options options;
  if (chance)
    options.slice_items = [&chance](std::size_t most) { return chance->between(1, most); };
  return options;
}

virtual_choices with_stalls(virtual_choices choices, clock::duration& stall) {
  choices.helper_delay = [&stall, chosen = std::move(choices.helper_delay)] {
    return std::exchange(stall, clock::duration::zero()) + chosen();
  };
  return choices;
}

virtual_choices choices_for(std::optional<seeded>& chance, clock::duration& stall) {
  auto choices = with_stalls({}, stall);
  if (chance) {
    choices.job = [&chance](std::size_t count) { return chance->below(count); };
    choices.random = [&chance] { return chance->share(); };
  }
  return choices;
}

} // namespace

node::node(std::optional<std::uint64_t> seed)
    : chance_{seed ? std::optional{seeded{*seed}} : std::nullopt},
      runtime_{options_for(chance_), choices_for(chance_, stall_)} {}

node::node(runtime_options options, virtual_choices choices)
    : runtime_{std::move(options), with_stalls(std::move(choices), stall_)} {}

running_pipeline& node::run(pipeline definition) {
  auto& one = pipelines_.emplace_back(std::move(definition), runtime_);
  if (auto started = one.start(); !started)
    throw std::invalid_argument{started.error().message()};
  return one;
}

bool node::until(const std::function<bool()>& fact, clock::duration within) {
  const auto limit = now() + within;
  while (!fact())
    if (!runtime_.step() && !runtime_.advance_to_next_timer(limit))
      return fact();
  return true;
}

running_pipeline::state node::drain(running_pipeline& one) {
  one.drain();
  return one.wait();
}

stage_snapshot counts_of(const running_pipeline& one, std::string_view stage) {
  for (auto& each : one.snapshot().stages)
    if (each.stage == stage)
      return each;
  throw std::invalid_argument{"there is no stage '" + std::string{stage} + "'"};
}

} // namespace weir::testkit
