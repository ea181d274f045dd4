#pragma once

#include <weir/mailbox/partition_point.hpp>
#include <weir/supervision/failure.hpp>

#include <functional>
#include <string>
#include <vector>

namespace weir {

/// Answers the points that are stored of the partitions whose names begin so.
using known_partitions =
    std::function<result<std::vector<partition_point>>(const std::string& beginning)>;

/// Where a source begins that looks at what is known before: see source_like.
struct partition_beginning {
  /// The partition's name, and where it goes on. Not beyond what is known of that name: behind an earlier position,
  /// what the store says is settled comes again.
  partition_point from;
  /// What whoever runs the pipeline should know, as that it reads another file than before. Empty: nothing.
  std::string remark = {};
};

} // namespace weir
