#include <weir/actors/payload.hpp>
#include <weir/actors/pipeline.hpp>

#include <cstdlib>

#include <cxxabi.h>

namespace weir {

pipeline::pipeline(std::string name, pipeline_options options) : plan_{std::make_shared<plan>()} {
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

bool pipeline::may_join(const shared_plan& from, bool used, bool held_alike) {
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

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable{
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free};
  std::string name = status == 0 ? readable.get() : type.name();
  // The library's inline namespaces say nothing to a reader.
  for (const std::string_view noise : {"std::__cxx11::", "[abi:cxx11]"})
    for (auto at = name.find(noise); at != std::string::npos; at = name.find(noise))
      name.replace(at, noise.size(), noise.starts_with("std") ? "std::" : "");
  for (auto at = name.find(" >"); at != std::string::npos; at = name.find(" >"))
    name.erase(at, 1);
  const std::string_view long_string =
      "std::basic_string<char, std::char_traits<char>, std::allocator<char>>";
  for (auto at = name.find(long_string); at != std::string::npos; at = name.find(long_string))
    name.replace(at, long_string.size(), "std::string");
  return name;
}

} // namespace weir
