#pragma once

#include <weir/connectors/http/events_options.hpp>
#include <weir/connectors/text_event.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/source.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace weir::http {

/// A source that is an HTTP server: `POST /events` takes one event, or one a line.
///
/// | answer | when                                                                                      |
/// |--------|-------------------------------------------------------------------------------------------|
/// | 202    | every event of the request is admitted                                                    |
/// | 429    | there was no credit for so long, or too many requests wait; none of its events is admitted |
/// | 503    | the pipeline drains or restarts, or credit ended halfway; then "admitted" in the answer    |
/// |        | says how many of its events, from the first on, are admitted                               |
/// | 400, 404, 405, 413, 431 | it is no such request, or too large                                      |
///
/// `POST /events?wait=stored` is not answered 202: it waits for what becomes of the events. events_options::wait_for_stored
/// makes that the default, which `?wait=admitted` overrides. Such a request holds no credit while it waits. Where
/// several of these are true, the first counts:
///
/// | answer | when                                                                                      |
/// |--------|-------------------------------------------------------------------------------------------|
/// | 504    | not all of them were settled within answer_within; they are admitted, and go on             |
/// | 503    | the pipeline ended or the source was started anew before that: nobody knows what became of   |
/// |        | the rest. Or some were given back: those may be sent again                                 |
/// | 422    | some became dead letters, or were dropped                                                  |
/// | 200    | every event was acknowledged or filtered                                                   |
///
/// "admitted" is in each of these, and "events" names those that are known not to be stored: the index in the request
/// from 0, the outcome, and the source and position by which its dead letter is found.
///
/// A body is read by lines; blank ones don't count. Only with the content type application/json, and if not
/// every line stands in braces, all of it is one event: a JSON text that was printed over several lines.
/// `GET /healthz` is answered 200, or 503 while the pipeline drains. Errors are application/problem+json.
///
/// It never ends by itself. In a drain it answers who waits as long as something is in flight; after an abort, once the
/// pipeline is destroyed. Positions count the events of one life.
///
/// Owner: its worker; the server runs on the node's I/O thread, and is closed with this.
/// Bounded: connections_max · (body_max + header_max), and as much again for what waits.
/// Failure: fatal, if it can't listen.
class events {
public:
  using output = text_event;
  static constexpr bool keeps_outcomes = true;

  explicit events(events_options options);

  const std::string& partition() const { return options_.partition; }
  std::uint64_t resume_after() const { return options_.resume_after; }
  bool positions_last() const { return false; }

  result<void> on_start(context& where);
  source_state poll(intake<text_event>& in, context& where);
  void on_drain(context& where);

private:
  class session;

  std::uint64_t listen(context& where);
  void look(context& where);

  events_options options_;
  std::shared_ptr<session> session_; // of the copy that works
};

} // namespace weir::http
