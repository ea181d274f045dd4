#include <weir/actors/thread_child.hpp>

#include <thread>
#include <utility>

namespace weir {

start_function thread_child(std::function<result<void>(std::stop_token)> run) {
  return [run = std::move(run)](child_link link) -> start_answer {
    std::stop_source stopping;
    std::thread{[run, link, token = stopping.get_token()]() mutable {
      result<void> ended;
      try {
        ended = run(token);
      } catch (...) {
        ended = describe_current_exception();
      }
      run = {}; // and what it holds on to, which may not outlive the child's last word
      if (ended)
        link.exited(token.stop_requested() ? exit_reason::shutdown : exit_reason::normal);
      else
        link.exited(std::move(ended.error()));
    }}.detach(); // its last word is its end
    return child{.stop = [stopping]() mutable { stopping.request_stop(); }};
  };
}

} // namespace weir
