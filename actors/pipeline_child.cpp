#include <weir/actors/pipeline_child.hpp>

#include <weir/actors/running_pipeline.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace weir {

namespace {

/// Starts a pipeline and notices its end. It has a thread, as stores may block while they are opened.
class pipeline_host final : public actor {
public:
  pipeline_host(runtime& node, std::function<pipeline()> make, child_link link)
      : actor{"pipeline-child"}, node_{node}, make_{std::move(make)}, link_{std::move(link)} {
    node_.spawn(*this, execution::own_thread);
  }
  ~pipeline_host() override {
    order(how::abort);
    node_.join(*this);
  }

  enum class how { run, drain, abort };
  void order(how what) {
    const std::lock_guard lock{lock_};
    wanted_ = std::max(wanted_, what);
    wake();
  }

  activity turn() override {
    if (!running_ && wanted() != how::run) {
      link_.exited(exit_reason::shutdown); // before it had begun
      return activity::finished();
    }
    if (!running_) {
      running_ = std::make_unique<running_pipeline>(
          make_(), node_,
          pipeline_observer{.worker_failed = [](const failure&) {}, .ended = [this] { wake(); }});
      if (auto begun = running_->start(); !begun) {
        link_.exited(std::move(begun.error()));
        return activity::finished();
      }
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
      running_.reset();
      if (*ended == running_pipeline::state::failed)
        link_.exited(std::move(why));
      else
        link_.exited(wanted() == how::run ? exit_reason::normal : exit_reason::shutdown);
      return activity::finished();
    }
    if (!running_->workers_have_finished())
      return activity::parked();
    // Only dead letters are on their way, and the last of them ends just after it has said so.
    return activity::parked(node_.now() + std::chrono::milliseconds{10});
  }

  void crashed(failure why) noexcept override { link_.exited(std::move(why)); }

private:
  how wanted() {
    const std::lock_guard lock{lock_};
    return wanted_;
  }

  runtime& node_;
  const std::function<pipeline()> make_;
  const child_link link_;
  std::unique_ptr<running_pipeline> running_; // the actor's own

  std::mutex lock_;
  how wanted_ = how::run; // guarded by lock_
};

} // namespace

start_function pipeline_child(runtime& node, std::function<pipeline()> make) {
  return [&node, make = std::move(make)](child_link link) -> start_answer {
    auto host = std::make_shared<pipeline_host>(node, make, std::move(link));
    return child{.stop = [host] { host->order(pipeline_host::how::drain); },
                 .kill = [host] { host->order(pipeline_host::how::abort); },
                 .started = false};
  };
}

} // namespace weir
