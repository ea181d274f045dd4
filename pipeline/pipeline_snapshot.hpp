#pragma once

#include <weir/pipeline/pipeline_view.hpp>

/// A view that was taken by running_pipeline::snapshot.
namespace weir {

using stage_snapshot = stage_view;
using pipeline_snapshot = pipeline_view;

} // namespace weir
