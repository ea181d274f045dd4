#include <weir/connectors/http/source.hpp>

#include <weir/actors/runtime.hpp>
#include <weir/connectors/http/admission.hpp>
#include <weir/connectors/http/server.hpp>
#include <weir/stages/partitions.hpp>

#include <chrono>
#include <functional>
#include <stop_token>
#include <utility>

namespace weir::http {

namespace {

// What is settled wakes it at once; it needs no turn at a time.
constexpr std::chrono::seconds settled_within{1};

} // namespace

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
    admission_->end();
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
  auto named = options_; // as an answer names its events, and their letters
  auto& all = where.partitions();
  named.partition = all.lasting_name(all.all().front());
  auto listening = server::start(where.node().io(), std::move(named), queue, options_.state->port);
  if (!listening)
    return std::move(listening.error());
  options_.state->port = (*listening)->port();
  session_ = std::make_shared<session>(std::move(queue), std::move(*listening), where);
  return {};
}

source_state events::poll(intake<text_event>& in, context& where) {
  look(where);
  const auto left = session_->queue().hand_over(in, where.last_position());
  listen(where);
  if (left.begun)
    return source_state::more; // when there is credit
  if (left.room > 0)
    where.wake_when_credit(left.room);
  return source_state::wait;
}

void events::on_drain(context& where) { look(where); }

/// Is woken when something is settled from now on, if anybody waits for that. Returns up to where all is.
std::uint64_t events::listen(context& where) {
  auto& all = where.partitions();
  all.wake_when_settled(session_->queue().unsettled() > 0 ? 1 : 0, settled_within);
  return all.settled(all.all().front());
}

void events::look(context& where) {
  const auto prefix = listen(where);
  auto& queue = session_->queue();
  if (queue.unsettled() == 0)
    return;
  const auto& all = where.partitions();
  const auto again = queue.look(prefix, where.now(), [&, id = all.all().front()](auto position) {
    return all.outcome_of(id, position);
  });
  if (again)
    where.wake_at(*again);
}

} // namespace weir::http
