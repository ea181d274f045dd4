#pragma once

#include <weir/actors/acknowledgement.hpp>
#include <weir/actors/actor.hpp>

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace weir {

class runtime;
class worker;

/// What a stage, source or sink can ask of the pipeline that runs it. Valid as long as the worker lives; to be
/// used from its calls only, except where said.
class context {
public:
  explicit context(worker& who) : who_{who} {}

  const std::string& pipeline() const;
  const std::string& stage() const;
  /// Which of the stage's workers this is, from 0.
  std::uint32_t worker_index() const;
  /// The node's clock, read once a slice.
  time_point now() const;
  runtime& node() const;

  /// For a source that answered source_state::wait, or a sink without demand: gives it a turn. Any thread, until
  /// the pipeline ended.
  waker& source_waker() const;
  /// Gives the worker a turn not later than this.
  void wake_at(time_point when) const;
  /// Signalled when the pipeline drains or aborts: what blocks should stop blocking.
  std::stop_token stopping() const;

  /// For a source: the last position it put, or where its lane started. A source that is started anew goes on
  /// behind it.
  std::uint64_t last_position() const;

  /// For a sink: where each lane may go on reading once the batch in hand is stored, to be stored with it.
  std::vector<resume_point> resume_points() const;

private:
  worker& who_;
};

} // namespace weir
