#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/pipeline/pipeline.hpp>
#include <weir/supervision/child_spec.hpp>

#include <functional>

namespace weir {

/// A child that is a whole pipeline, made anew by `make` for each start: so its sources go on where what was
/// settled ends. It stops by draining; it is killed by aborting, which leaves what was in flight unsettled.
/// It ends normally when its sources do, and fails when its own supervisor escalates.
///
/// Even an aborted pipeline finishes the item in hand. So one that is abandoned holds on to its threads: it
/// passes into the keeping of `node`, whose destructor waits for it. Its supervisor's does not.
start_function pipeline_child(runtime& node, std::function<pipeline()> make);

} // namespace weir
