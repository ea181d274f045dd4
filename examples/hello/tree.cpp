/// A supervision tree: a thread, a pipeline, something from another library, and sessions that come and go.
#include <weir/actors/supervisor.hpp>
#include <weir/actors/thread_child.hpp>
#include <weir/pipeline/pipeline_child.hpp>
#include <weir/weir.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

using namespace std::chrono_literals;

namespace {

// [thread]
/// Blocks until it is told to stop. The first time it fails: its supervisor runs it again.
weir::result<void> listen(const std::stop_token& stop) {
  static std::atomic<int> runs{0};
  if (++runs == 1)
    return weir::fatal("the port is taken");
  std::mutex lock;
  std::unique_lock guard{lock};
  std::condition_variable_any stopped;
  stopped.wait(guard, stop, [] { return false; });
  return {};
}
// [thread]

struct one_two_three {
  using output = int;
  int next = 1;
  weir::source_state poll(weir::intake<int>& in, weir::context&) {
    for (; in.room() > 0 && next <= 3; ++next)
      in.put(next);
    return next <= 3 ? weir::source_state::more : weir::source_state::done;
  }
};

// [pipeline]
weir::pipeline squares() {
  weir::pipeline p{"squares"};
  p.from("numbers", one_two_three{})
      .via("square", [](int n) noexcept { return n * n; })
      .to("print", [](int n) noexcept { std::cout << n << '\n'; });
  return p;
}
// [pipeline]

/// Stands for something that is there already, with callbacks of its own.
struct radio {
  std::function<void(std::string trouble)> on_end;
  bool turn_on() { return true; }
  void turn_off() { on_end(""); }
};

// [own]
weir::start_answer start_radio(weir::child_link link) {
  const auto one = std::make_shared<radio>();
  one->on_end = [link](const std::string& trouble) { // on any thread
    if (trouble.empty())
      link.exited(weir::exit_reason::shutdown);
    else
      link.exited(weir::fatal(trouble));
  };
  if (!one->turn_on())
    return weir::fatal("no antenna");
  return weir::child{.stop = [one] { one->turn_off(); }};
}
// [own]

void report(const weir::child_event& event) {
  const std::string line = std::string{weir::to_string(event.what)} + ": " + event.child
                           + (event.why.chain.empty() ? "" : " ← " + event.why.message()) + "\n";
  std::cout << line;
}

} // namespace

int main() {
  // [tree]
  weir::runtime node;
  weir::supervisor sessions{
      node,
      "sessions",
      {.supervision = {.strategy = weir::dynamic}, .children = {{.id = "session"}}}};
  weir::supervisor tree{
      node,
      "tree",
      {.supervision = {.strategy = weir::one_for_one, .intensity = 3, .period = 10s},
       .children = {{.id = "listener", .start = weir::thread_child(listen), .shutdown = 1s},
                    {.id = "squares",
                     .start = weir::pipeline_child(node, squares),
                     .restart = weir::restart::transient},
                    {.id = "radio", .start = start_radio},
                    sessions.as_child()},
       .report = report}};

  if (auto started = tree.start().get(); !started) {
    std::cerr << started.error().message() << '\n';
    return 1;
  }
  // [tree]

  // [dynamic]
  const auto session = sessions.start_child(weir::thread_child(listen)).get();
  if (!session)
    std::cerr << session.why.message() << '\n';
  std::cout << sessions.count_children().active << " session\n";
  sessions.terminate_child(session.child).wait();
  // [dynamic]

  // [stop]
  tree.stop();
  const auto end = tree.wait();
  if (end.reason == weir::exit_reason::failed)
    std::cerr << end.why.message() << '\n';
  // [stop]
  std::cout << "stopped\n";
  return 0;
}
