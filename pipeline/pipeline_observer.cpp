#include <weir/pipeline/pipeline_observer.hpp>

#include <utility>

namespace weir::internal {

namespace {

template <class... Args>
std::function<void(Args...)> unthrowing(std::function<void(Args...)> tell) {
  return [tell = std::move(tell)](Args... args) {
    try {
      tell(args...);
    } catch (...) {
    }
  };
}

} // namespace

pipeline_observer unthrowing(pipeline_observer who) {
  return {.worker_failed = unthrowing(std::move(who.worker_failed)),
          .ended = unthrowing(std::move(who.ended)),
          .replay = unthrowing(std::move(who.replay))};
}

} // namespace weir::internal
