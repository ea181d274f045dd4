#include <weir/node/last_life.hpp>

#include <utility>

namespace weir::internal {

result<std::unique_ptr<flight_recorder>> open_recorder(const std::string& path,
                                                       const std::string& program, log& into) {
  auto opened = flight_recorder::open(path, program);
  if (!opened)
    return std::move(opened.error()).within("the flight recorder can't be used");
  const auto& last = (*opened)->last_life();
  for (const auto& remark : last.remarks)
    into.write(log::level::warning, remark, {{"file", path}});
  if (last.died)
    into.write(log::level::warning, "the last process died",
               {{"pid", std::to_string(last.deaths.back().pid)},
                {"cause", cause_of_death(last.deaths.back().status)},
                {"in_hand", last.deaths.back().in_hand}});
  return opened;
}

} // namespace weir::internal
