#pragma once

#include <weir/node/input_progress.hpp>
#include <weir/node/tree.hpp>
#include <weir/pipeline/pipeline.hpp>

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir {

/// What one node runs: pipelines and trees, beside each other. Each of them alone is such a value too.
struct parts {
  parts() = default;
  parts(pipeline one) { add(std::move(one)); }
  parts(tree one) { add(std::move(one)); }
  parts(std::vector<pipeline> all) : pipelines{std::move(all)} {}
  template <class First, class Second, class... More>
    requires(!std::same_as<std::remove_cvref_t<First>, parts>)
  parts(First&& first, Second&& second, More&&... more) {
    add(std::forward<First>(first));
    add(std::forward<Second>(second));
    (add(std::forward<More>(more)), ...);
  }

  parts& add(pipeline one) {
    pipelines.push_back(std::move(one));
    return *this;
  }
  parts& add(tree one) {
    trees.push_back(std::move(one));
    return *this;
  }

  std::vector<pipeline> pipelines{};
  std::vector<tree> trees{};
  /// Tells how much of the input was read, where that is known: for progress and ETA.
  std::function<std::optional<input_progress>()> input{};
};

/// What keeps them from running, a sentence each; empty if nothing does. Each pipeline of a tree is made once.
std::vector<std::string> problems(const parts& all);

} // namespace weir

namespace weir::internal {

/// All their pipelines: those beside the trees come first. Those of a tree are made for it.
std::vector<pipeline> pipelines_of(parts all);

} // namespace weir::internal
