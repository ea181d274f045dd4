#include <weir/node/parts.hpp>

#include <set>

namespace weir {

namespace {

void add_problems(const pipeline& one, std::vector<std::string>& to) {
  for (const auto& problem : one.validate())
    to.push_back("pipeline '" + one.name() + "': " + problem);
}

} // namespace

std::vector<std::string> problems(const parts& all) {
  std::vector<std::string> found;
  if (all.pipelines.empty() && all.trees.empty())
    found.emplace_back("there is nothing to run: neither a pipeline nor a tree");
  for (const auto& one : all.pipelines)
    add_problems(one, found);
  std::set<std::string> names;
  for (const auto& one : all.trees) {
    if (!names.insert(one.name()).second)
      found.push_back("two trees are called '" + one.name() + "'");
    for (auto& problem : one.validate())
      found.push_back(std::move(problem));
    for (const auto& below : one.make_pipelines())
      add_problems(below, found);
  }
  return found;
}

} // namespace weir

namespace weir::internal {

std::vector<pipeline> pipelines_of(parts all) {
  auto found = std::move(all.pipelines);
  for (const auto& one : all.trees)
    for (auto& below : one.make_pipelines())
      found.push_back(std::move(below));
  return found;
}

} // namespace weir::internal
