#include <weir/actors/child_inbox.hpp>

#include <utility>

namespace weir::internal {

void child_inbox::put(addressed_news one) {
  const std::lock_guard guard{lock_};
  if (owner_ == nullptr)
    return;
  news_.push_back(std::move(one));
  owner_->wake();
}

void child_inbox::move_to(std::deque<addressed_news>& heard) {
  const std::lock_guard guard{lock_};
  for (; !news_.empty(); news_.pop_front())
    heard.push_back(std::move(news_.front()));
}

void child_inbox::close() {
  const std::lock_guard guard{lock_};
  owner_ = nullptr;
}

} // namespace weir::internal
