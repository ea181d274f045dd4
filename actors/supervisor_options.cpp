#include <weir/actors/supervisor_options.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace weir {

namespace {

void add_problems_of(auto_shutdown ends, bool is_dynamic, std::vector<std::string>& all) {
  if (ends != auto_shutdown::never && ends != auto_shutdown::any_significant
      && ends != auto_shutdown::all_significant)
    all.push_back("auto_shutdown is never, any_significant or all_significant, found "
                  + std::to_string(static_cast<int>(ends)));
  if (is_dynamic && ends != auto_shutdown::never)
    all.emplace_back("auto_shutdown is not for a dynamic supervisor");
}

} // namespace

std::vector<std::string> problems(const supervisor_options& options) {
  auto all = problems(options.supervision);
  const bool is_dynamic = options.supervision.strategy == strategy::dynamic;
  add_problems_of(options.auto_shutdown, is_dynamic, all);
  if (is_dynamic && options.children.size() != 1)
    all.push_back("a dynamic supervisor has one child spec, found "
                  + std::to_string(options.children.size()));
  for (std::size_t k = 0; k < options.children.size(); ++k) {
    const auto& spec = options.children[k];
    for (auto& one : problems(spec, options.auto_shutdown))
      // The children of a dynamic supervisor may bring a start each.
      if (!(is_dynamic && !spec.start && one.ends_with("start is missing")))
        all.push_back(std::move(one));
    const auto same = [&](const child_spec& other) { return other.id == spec.id; };
    const auto first = options.children.begin();
    if (std::any_of(first, first + static_cast<std::ptrdiff_t>(k), same))
      all.push_back("two children have the id '" + spec.id + "'");
  }
  return all;
}

} // namespace weir
