#include <weir/node/report_of.hpp>
#include <weir/node/tree_books.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

namespace {

/// How a child stands after that; nothing if it stands as it did.
std::string_view state_after(child_event::kind what) {
  switch (what) {
  case child_event::kind::started:
    return "running";
  case child_event::kind::ignored:
  case child_event::kind::ended:
  case child_event::kind::failed:
  case child_event::kind::killed:
  case child_event::kind::abandoned:
    return to_string(what);
  case child_event::kind::escalated: // these two tell of its supervisor
  case child_event::kind::shut_down:
    break;
  }
  return {};
}

} // namespace

tree_books::record* tree_books::find_or_add(const std::string& path) {
  if (const auto found = records_.find(path); found != records_.end())
    return &found->second;
  if (records_.size() >= paths_max) {
    ++left_out_;
    return nullptr;
  }
  auto& made = records_[path];
  made.seen.path = path;
  return &made;
}

void tree_books::hear(const std::string& path, const child_event& event,
                      const std::optional<child_restart>& restarted) {
  using enum child_event::kind;
  const std::lock_guard lock{lock_};
  any_started_ = any_started_ || event.what == started;
  auto* const one = find_or_add(path);
  if (one == nullptr)
    return;
  auto& seen = one->seen;
  if (event.what == started)
    ++seen.starts;
  if (restarted) {
    ++seen.restarts;
    if (one->last_restarts.size() == child_restarts_kept)
      one->last_restarts.erase(one->last_restarts.begin());
    one->last_restarts.push_back(*restarted);
  }
  if (event.what == failed)
    ++seen.failures;
  if (event.what == failed || event.what == abandoned)
    seen.last_failure = event.why.message();
  // What was killed then ends, and that it was killed is what there is to say.
  const bool known = event.what == ended && seen.state == to_string(killed);
  if (const auto state = state_after(event.what); !state.empty() && !known)
    seen.state = state;
}

void tree_books::begun(const std::string& path, const running_pipeline& one,
                       std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock{lock_};
  auto* const kept = find_or_add(path);
  if (kept == nullptr)
    return;
  if (!kept->pipeline)
    kept->pipeline.emplace(life_books{});
  auto& books = *kept->pipeline;
  books.running.push_back({++books.lives, &one, now});
}

void tree_books::over(const std::string& path, const running_pipeline& one,
                      std::chrono::steady_clock::time_point now,
                      std::chrono::system_clock::time_point wall) {
  const std::lock_guard lock{lock_};
  const auto found = records_.find(path);
  if (found == records_.end() || !found->second.pipeline)
    return;
  auto& books = *found->second.pipeline;
  const auto its = std::ranges::find(books.running, &one, &life::runs);
  if (its == books.running.end())
    return;
  const auto snapshot = one.snapshot();
  books.last = report_of(one, now - its->began, wall);
  books.in_flight_before += std::exchange(books.in_flight_last, snapshot.ledger.in_flight);
  books.earlier += snapshot.ledger;
  books.balanced = books.balanced && snapshot.ledger.balanced();
  books.settled_twice = books.settled_twice || snapshot.settled_twice;
  books.running.erase(its);
}

tree_books::totals tree_books::pipelines() const {
  const std::lock_guard lock{lock_};
  totals all;
  for (const auto& [path, one] : records_) {
    if (!one.pipeline)
      continue;
    const auto& books = *one.pipeline;
    all.ledger += books.earlier;
    all.in_flight_before += books.in_flight_before;
    all.balanced = all.balanced && books.balanced;
    all.settled_twice = all.settled_twice || books.settled_twice;
    for (const auto& each : books.running)
      all.ledger += each.runs->snapshot().ledger;
    if (!books.running.empty()) {
      all.in_flight_before += books.in_flight_last;
      all.lives = true;
    }
  }
  return all;
}

std::vector<life_view> tree_books::lives_of(const std::string& path) const {
  const std::lock_guard lock{lock_};
  std::vector<life_view> all;
  if (const auto found = records_.find(path); found != records_.end() && found->second.pipeline)
    for (const auto& each : found->second.pipeline->running)
      all.push_back({each.number, each.runs->view()});
  return all;
}

std::vector<child_restart> tree_books::last_restarts_of(const std::string& path) const {
  const std::lock_guard lock{lock_};
  const auto found = records_.find(path);
  return found != records_.end() ? found->second.last_restarts : std::vector<child_restart>{};
}

bool tree_books::any_started() const {
  const std::lock_guard lock{lock_};
  return any_started_;
}

void tree_books::killed() {
  const std::lock_guard lock{lock_};
  ++killed_;
}

std::uint64_t tree_books::count_killed() const {
  const std::lock_guard lock{lock_};
  return killed_;
}

std::uint64_t tree_books::left_out() const {
  const std::lock_guard lock{lock_};
  return left_out_;
}

tree_child_report tree_books::report_on(const record& one,
                                        std::chrono::steady_clock::time_point now,
                                        std::chrono::system_clock::time_point wall) const {
  auto made = one.seen;
  if (!one.pipeline)
    return made;
  const auto& books = *one.pipeline;
  const bool runs = !books.running.empty();
  made.pipeline =
      runs ? report_of(*books.running.back().runs, now - books.running.back().began, wall)
           : books.last;
  auto ledger = books.earlier;
  for (const auto& each : books.running)
    ledger += each.runs->snapshot().ledger;
  made.pipeline->ledger = ledger;
  made.lives = books.lives;
  made.in_flight_before = books.in_flight_before + (runs ? books.in_flight_last : 0);
  return made;
}

std::vector<tree_child_report>
tree_books::children_of(const std::string& tree, std::chrono::steady_clock::time_point now,
                        std::chrono::system_clock::time_point wall) const {
  const std::lock_guard lock{lock_};
  std::vector<tree_child_report> all;
  for (const auto& [path, one] : records_)
    if (path.starts_with(tree + "/"))
      all.push_back(report_on(one, now, wall));
  return all;
}

std::optional<tree_child_report> tree_books::child(const std::string& path) const {
  const std::lock_guard lock{lock_};
  const auto found = records_.find(path);
  return found != records_.end() ? std::optional{found->second.seen} : std::nullopt;
}

} // namespace weir::internal
