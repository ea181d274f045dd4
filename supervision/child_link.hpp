#pragma once

#include <weir/supervision/failure.hpp>
#include <weir/supervision/restart.hpp>

#include <functional>
#include <memory>

namespace weir::internal {

/// What a child says about itself.
struct child_news {
  enum class kind {
    started, ///< it is there; only of a child whose start returned before that
    ignored, ///< it isn't needed, and has ended
    exited   ///< it has ended
  };
  kind what;
  exit_reason reason = exit_reason::normal; ///< of exited
  failure why;                              ///< of exited(failed)
};

} // namespace weir::internal

namespace weir {

/// The line on which one instance of a child reports to its supervisor. Copies are the same line.
///
/// Any thread, at any time: before the start has returned, and after the supervisor is gone. What comes after
/// the end of the instance, or twice, is not heard.
class child_link {
public:
  explicit child_link(std::function<void(internal::child_news)> hears);

  void started() const;
  void ignored() const;
  void exited(exit_reason reason) const;
  /// It ended by a failure.
  void exited(failure why) const;

private:
  struct line;
  void tell(internal::child_news news) const;

  std::shared_ptr<line> line_;
};

} // namespace weir
