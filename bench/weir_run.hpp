// What Weir's own contestants share: a source that counts, and the run of a pipeline to its end,
// after which every item must have been acknowledged.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <weir/bench/harness.hpp>
#include <weir/pipeline/running_pipeline.hpp>
#include <weir/supervision/flight_recorder.hpp>
#include <weir/weir.hpp>

namespace weir::bench {

template <class T, class Produce>
struct numbers {
  using output = T;
  std::uint64_t items;
  Produce produce;
  std::uint64_t position = 0;

  source_state poll(intake<T>& in, context&) {
    const auto end = std::min<std::uint64_t>(items, position + in.room());
    for (; position < end; ++position)
      in.put(produce(position));
    return position < items ? source_state::more : source_state::done;
  }
};

// Ends the program with status 1 if that goes wrong.
inline void run_to_end(pipeline from, runtime& node, std::uint64_t items,
                       internal::flight_recorder* recorder = nullptr) {
  running_pipeline running{std::move(from), node, {}, recorder};
  if (const auto started = running.start(); !started)
    fail("weir", started.error().message());
  if (running.wait() != running_pipeline::state::finished)
    fail("weir", running.why().message());
  const auto ledger = running.snapshot().ledger;
  if (!ledger.balanced() || ledger.acknowledged != items)
    fail("weir", "the ledger says " + to_string(ledger));
}

} // namespace weir::bench
