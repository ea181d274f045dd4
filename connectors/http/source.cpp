#include <weir/connectors/http/source.hpp>

#include <weir/actors/runtime.hpp>
#include <weir/connectors/http/admission.hpp>
#include <weir/connectors/http/server.hpp>

#include <functional>
#include <stop_token>
#include <utility>

namespace weir::http {

/// A server at work for one life of the source.
class events::session {
public:
  session(std::shared_ptr<http::admission> queue, std::unique_ptr<server> listening,
          const context& where)
      : admission_{std::move(queue)},
        server_{std::move(listening)},
        stopped_{where.stopping(), [queue = admission_] { queue->close(); }} {
    admission_->wakes(&where.source_waker());
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() {
    admission_->wakes(nullptr);
    admission_->close();
  }

  http::admission& queue() { return *admission_; }

private:
  const std::shared_ptr<http::admission> admission_;
  const std::unique_ptr<server> server_;
  const std::stop_callback<std::function<void()>> stopped_;
};

events::events(events_options options) : options_{std::move(options)} {
  if (!options_
           .state) // the copies share it: the one that is started anew listens where the last one did
    options_.state = std::make_shared<listener_state>();
}

result<void> events::on_start(context& where) {
  auto queue = std::make_shared<admission>(options_.waiting_max);
  auto listening = server::start(where.node().io(), options_, queue, options_.state->port);
  if (!listening)
    return std::move(listening.error());
  options_.state->port = (*listening)->port();
  session_ = std::make_shared<session>(std::move(queue), std::move(*listening), where);
  return {};
}

source_state events::poll(intake<text_event>& in, context& where) {
  const auto unsettled = [&] {
    for (const auto& one : where.resume_points())
      if (one.partition == options_.partition)
        return where.last_position() - one.position;
    return where.last_position();
  };
  switch (session_->queue().hand_over(in, where.last_position(), unsettled)) {
  case admission::left::begun:
    return source_state::more; // when there is credit
  case admission::left::unfitting:
    // Nobody says when there is so much credit, so it looks again, for at most admission_wait.
    where.wake_at(where.now() + std::chrono::milliseconds{5});
    break;
  case admission::left::nothing:
    break;
  }
  return source_state::wait;
}

} // namespace weir::http
