#include "entrance.hpp"

#include <cstddef>
#include <future>
#include <memory>
#include <utility>

namespace {

constexpr std::size_t capacity = 256; // lines that wait for the pipeline

} // namespace

weir::channel<std::string> entrance::renew() {
  const std::lock_guard guard{lock_};
  now_.emplace(weir::channel_options{.name = "sessions", .capacity = capacity});
  return *now_;
}

weir::result<weir::outcome> entrance::pass(std::string line) const {
  const auto into = [this] {
    const std::lock_guard guard{lock_};
    return now_;
  }();
  if (!into)
    return weir::fatal("the pipeline does not run yet");
  auto settled = std::make_shared<std::promise<weir::outcome>>(); // a std::function is copied
  auto answer = settled->get_future();
  const auto pushed =
      into->push(std::move(line), [settled](weir::outcome how) { settled->set_value(how); });
  settled.reset(); // the pipeline has the only one, so that its end without an outcome is heard of
  if (!pushed)
    return pushed.error();
  try {
    return answer.get();
  } catch (const std::future_error&) {
    return weir::fatal("the pipeline has ended before the line was settled");
  }
}
