#pragma once

#include <weir/stages/source.hpp>

#include <cstddef>
#include <type_traits>

namespace weir::testkit {

/// A source of make(0), make(1), … at the positions 1, 2, …; started anew it goes on behind what it has put.
///
/// ```
/// orders.from("in", weir::testkit::counted{100, [](std::size_t n) { return order{n}; }})…;
/// ```
template <class Make>
struct counted {
  using output = std::invoke_result_t<Make&, std::size_t>;

  std::size_t count; ///< SIZE_MAX: without end
  Make make;
  std::size_t next = 0;

  void on_start(context& where) { next = where.last_position(); }
  source_state poll(intake<output>& in, context&) {
    for (; in.room() > 0 && next < count; ++next)
      in.put(make(next));
    return next == count ? source_state::done : source_state::more;
  }
};
template <class Make>
counted(std::size_t, Make) -> counted<Make>;

/// A source of 0, 1, … count - 1.
inline auto numbers(std::size_t count) {
  return counted{count, [](std::size_t n) { return static_cast<int>(n); }};
}

} // namespace weir::testkit
