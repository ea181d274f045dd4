#pragma once

#include <weir/actors/runtime_engine.hpp>

#include <memory>

namespace weir::internal {

/// The engine of every node but a test's: CAF's scheduler, threads, and the system's clock. Throws if there are no
/// threads for it.
std::unique_ptr<runtime_engine> make_thread_engine(const runtime_options& options);

} // namespace weir::internal
