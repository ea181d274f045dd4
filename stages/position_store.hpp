#pragma once

#include <weir/mailbox/partition_point.hpp>
#include <weir/supervision/failure.hpp>

#include <span>
#include <string>
#include <vector>

namespace weir {

/// Where a pipeline keeps how far the partitions of its sources are settled, so that its next life goes on there:
/// see pipeline::positions_in.
///
/// A partition belongs to who claimed it last. Each claim raises the partition's epoch, and what an earlier one still
/// has to store is refused: it is *fenced*.
/// A sink whose database this is stores points itself, in the transaction of its rows: see context::points. So rows and
/// points can't part.
/// Owner: the pipeline. Any thread calls it, several at once: an implementation locks what it needs. It may block, for
/// at most a few seconds.
/// Failure: transient for what may get better by itself. Nothing is stored then.
class position_store {
public:
  position_store() = default;
  position_store(const position_store&) = delete;
  position_store& operator=(const position_store&) = delete;
  virtual ~position_store() = default;

  /// Claims these partitions of the pipeline, all or none. Answers a point for each, in their order, with the new
  /// epoch, which is never 0; of a partition that it doesn't know the position is 0.
  virtual result<std::vector<partition_point>> claim(const std::string& pipeline,
                                                     std::span<const std::string> partitions) = 0;

  /// The points of those partitions of the pipeline whose names begin so, in any order. Claims nothing, and changes
  /// nothing. Of a store that answers none, a file that became another one fences who still reads the old one.
  virtual result<std::vector<partition_point>> known(const std::string& pipeline,
                                                     const std::string& beginning) {
    static_cast<void>(pipeline);
    static_cast<void>(beginning);
    return std::vector<partition_point>{};
  }

  /// Adds what these points say is settled to what is stored, and never takes anything back. Answers the names of
  /// those partitions that another one has claimed since: of them nothing is stored, of the others everything. A point's
  /// mark is kept with it (add_settled says which): it tells the next life whether a file is the same.
  virtual result<std::vector<std::string>> store(const std::string& pipeline,
                                                 std::span<const partition_point> points) = 0;

  /// The store in a word or two, for logs: "sqlite 'events.db'".
  virtual std::string name() const = 0;
};

} // namespace weir
