#include <weir/pipeline/pipeline_child.hpp>

#include <weir/pipeline/running_pipeline.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace weir {

namespace {

/// Starts a pipeline and notices its end. It has a thread, as stores may block while they are opened.
class pipeline_host final : public actor {
public:
  pipeline_host(runtime& node, std::function<pipeline()> make, child_link link,
                pipeline_child_watcher watcher, internal::flight_recorder* recorder)
      : actor{"pipeline-child"},
        node_{node},
        make_{std::move(make)},
        link_{std::move(link)},
        watcher_{std::move(watcher)},
        recorder_{recorder} {
    node_.spawn(*this, execution::own_thread);
  }
  ~pipeline_host() override { node_.join(*this); }

  /// Nobody needs it any more. One that has not ended is left to its node: whoever lets go of it doesn't wait.
  static void drop(pipeline_host* one) {
    std::unique_ptr<pipeline_host> host{one};
    if (host->is_over_)
      return; // but for the end of its last turn
    host->order(how::abort);
    auto& node = host->node_;
    node.leave(std::move(host));
  }

  enum class how { run, drain, abort };
  void order(how what) {
    const std::lock_guard lock{lock_};
    wanted_ = std::max(wanted_, what);
    wake();
  }

  activity turn() override {
    if (!running_ && wanted() != how::run) {
      exited(exit_reason::shutdown); // before it had begun
      return activity::finished();
    }
    if (!running_) {
      running_ = std::make_unique<running_pipeline>(
          make_(), node_,
          internal::pipeline_observer{.worker_failed = watcher_.worker_failed,
                                      .ended = [this] { wake(); },
                                      .replay = watcher_.replay},
          recorder_);
      if (auto begun = running_->start(); !begun) {
        exited(std::move(begun.error()));
        return activity::finished();
      }
      begun_ = true;
      watcher_.begun(*running_);
      link_.started();
    }
    switch (wanted()) {
    case how::run:
      break;
    case how::drain:
      running_->drain();
      break;
    case how::abort:
      running_->abort();
      break;
    }
    if (auto ended = running_->wait_until(node_.now())) {
      auto why = running_->why();
      let_go();
      if (*ended == running_pipeline::state::failed)
        exited(std::move(why));
      else
        exited(wanted() == how::run ? exit_reason::normal : exit_reason::shutdown);
      return activity::finished();
    }
    return activity::asleep();
  }

  void crashed(failure why) noexcept override {
    if (begun_ && running_) {
      running_->abort();
      running_->wait();
    }
    let_go();
    exited(std::move(why));
  }

private:
  /// The pipeline has ended, or never begun.
  void let_go() {
    if (begun_ && running_)
      watcher_.over(*running_);
    running_.reset();
  }

  /// Its last word.
  void exited(auto reason) {
    is_over_ = true;
    link_.exited(std::move(reason));
  }

  how wanted() {
    const std::lock_guard lock{lock_};
    return wanted_;
  }

  runtime& node_;
  const std::function<pipeline()> make_;
  const child_link link_;
  const pipeline_child_watcher watcher_;
  internal::flight_recorder* const recorder_; // null: nothing is recorded
  std::unique_ptr<running_pipeline> running_; // the actor's own
  bool begun_ = false;                        // the actor's own: it has started
  std::atomic<bool> is_over_{false};

  std::mutex lock_;
  how wanted_ = how::run; // guarded by lock_
};

} // namespace

start_function pipeline_child(runtime& node, std::function<pipeline()> make,
                              pipeline_child_watcher watcher, internal::flight_recorder* recorder) {
  return [&node, make = std::move(make), watcher = std::move(watcher),
          recorder](child_link link) -> start_answer {
    const std::shared_ptr<pipeline_host> host{
        new pipeline_host{node, make, std::move(link), watcher, recorder}, pipeline_host::drop};
    return child{.stop = [host] { host->order(pipeline_host::how::drain); },
                 .kill = [host] { host->order(pipeline_host::how::abort); },
                 .started = false};
  };
}

} // namespace weir
