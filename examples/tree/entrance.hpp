#pragma once

#include <weir/connectors/channel.hpp>
#include <weir/supervision/failure.hpp>

#include <mutex>
#include <optional>
#include <string>

/// Where lines come into the pipeline. Each life of the pipeline has a channel of its own, so that the sessions go on
/// when it is restarted.
///
/// Owner: any thread.
class entrance {
public:
  /// The channel of a new life.
  weir::channel<std::string> renew();

  /// Puts a line in and waits until it is settled. Failure: the pipeline does not run, or ended before that; then
  /// nobody knows whether the line was stored.
  weir::result<weir::outcome> pass(std::string line) const;

private:
  mutable std::mutex lock_;
  std::optional<weir::channel<std::string>> now_; // guarded by lock_; nothing before the first life
};
