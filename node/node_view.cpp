#include <weir/node/node_view.hpp>

namespace weir {

namespace {

void visit(const std::vector<part_view>& all,
           const std::function<void(const part_view&, const life_view&)>& what) {
  for (const auto& part : all) {
    for (const auto& one : part.lives)
      what(part, one);
    visit(part.children, what);
  }
}

} // namespace

void for_each_pipeline(const node_view& all,
                       const std::function<void(const part_view&, const life_view&)>& what) {
  visit(all.children, what);
}

} // namespace weir
