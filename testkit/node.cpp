#include <weir/testkit/node.hpp>

#include <stdexcept>
#include <utility>

namespace weir::testkit {

namespace {

runtime_options options_for(std::optional<seeded>& chance) {
  runtime_options options;
  if (chance)
    options.slice_items = [&chance](std::size_t most) { return chance->between(1, most); };
  return options;
}

virtual_choices choices_for(std::optional<seeded>& chance, clock::duration& stall) {
  virtual_choices choices;
  choices.helper_delay = [&stall] { return std::exchange(stall, clock::duration::zero()); };
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

running_pipeline& node::run(pipeline definition) {
  auto& one = pipelines_.emplace_back(std::move(definition), runtime_);
  if (auto started = one.start(); !started)
    throw std::invalid_argument{started.error().message()};
  return one;
}

running_pipeline::state node::drain(running_pipeline& one) {
  one.drain();
  return one.wait();
}

} // namespace weir::testkit
