#include <weir/supervision/child_link.hpp>

#include <mutex>
#include <utility>

namespace weir {

struct child_link::line {
  std::mutex lock; // guards what follows
  std::function<void(internal::child_news)> hears;
  bool started = false;
};

child_link::child_link(std::function<void(internal::child_news)> hears)
    : line_{std::make_shared<line>()} {
  line_->hears = std::move(hears);
}

void child_link::started() const { tell({.what = internal::child_news::kind::started, .why = {}}); }
void child_link::ignored() const { tell({.what = internal::child_news::kind::ignored, .why = {}}); }
void child_link::exited(exit_reason reason) const {
  auto why = reason == exit_reason::failed ? fatal("it gave no reason") : failure{};
  tell({.what = internal::child_news::kind::exited, .reason = reason, .why = std::move(why)});
}
void child_link::exited(failure why) const {
  tell({.what = internal::child_news::kind::exited,
        .reason = exit_reason::failed,
        .why = std::move(why)});
}

void child_link::tell(internal::child_news news) const {
  std::function<void(internal::child_news)> hears;
  const std::lock_guard lock{line_->lock};
  if (!line_->hears)
    return;
  if (news.what == internal::child_news::kind::started) {
    if (!std::exchange(line_->started, true))
      line_->hears(std::move(news));
    return;
  }
  hears.swap(line_->hears); // its last word
  hears(std::move(news));
}

} // namespace weir
