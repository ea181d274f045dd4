#include <weir/stages/pipeline_services.hpp>

#include <weir/mailbox/require.hpp>
#include <weir/supervision/flight_recorder.hpp>

namespace weir {

void pipeline_services::note_settled() const {
  require(recorder != nullptr,
          "pipeline_services: note_settled() is for where something is recorded");
  for (std::uint32_t partition = 0; partition < partition_keys.size(); ++partition)
    recorder->suspects().settled(partition_keys[partition],
                                 books.partition_at(partition).prefix_with({}));
}

} // namespace weir
