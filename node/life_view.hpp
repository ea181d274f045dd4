#pragma once

#include <weir/pipeline/pipeline_view.hpp>

#include <cstdint>

namespace weir {

/// What can be seen of one life of a pipeline: it has another one each time that its supervisor restarts it.
struct life_view {
  std::uint64_t life = 1; ///< the how manieth it is, of the pipelines with this path
  pipeline_view does;
};

} // namespace weir
