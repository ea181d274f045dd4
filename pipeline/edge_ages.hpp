#pragma once

#include <weir/pipeline/edge_view.hpp>
#include <weir/supervision/time_point.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace weir::internal {

/// Knows how old the oldest item of each edge is, within bounds, from nothing but how much had been written into the edge
/// at earlier looks: an item that had been written by then is at least as old as that look, and one that had not been is
/// no older. So it costs nothing where the items move, and it is as exact as the looks are frequent.
///
/// Owner: any thread. Bounded: looks_max of each edge are remembered. Where there are more, those that are closest to
/// each other become one, so that the bounds of an old item get wider and stay true.
class edge_ages {
public:
  static constexpr std::size_t looks_max = 16;

  /// Sets the bounds of each of these edges, and remembers how much was written into it. They were read between these two
  /// moments. Requires the same edges each time.
  void tell(std::vector<edge_view>& edges, time_point before, time_point after);

private:
  /// What was written so far, in all the looks that found it so.
  struct look {
    std::uint64_t written;
    time_point first; // by then it had been written
    time_point last;  // until then nothing more had been
  };
  using looks = std::vector<look>; // ascending in all three

  static void remember(looks& all, const look& one);
  static void forget(looks& all, std::uint64_t read);

  std::mutex lock_; // guards what follows
  std::vector<looks> edges_;
};

} // namespace weir::internal
