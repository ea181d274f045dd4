#include <weir/supervision/child_tally.hpp>

namespace weir::internal {

void child_tally::count(const supervised_child& child, bool more) {
  using started_for = supervised_child::started_for;
  const auto change = [more](std::size_t& counter) { more ? ++counter : --counter; };
  if (child.alive())
    change(alive_);
  const bool with_all = child.why == started_for::all;
  if (with_all && (child.alive() || child.now == child_now::restarting))
    change(never_started_);
  if (child.now != child_now::starting)
    return;
  if (with_all || child.why == started_for::restart)
    change(starting_);
  if (with_all)
    change(starting_first_);
}

} // namespace weir::internal
