#include <weir/node/report_of.hpp>
#include <weir/node/tree_books.hpp>

#include <utility>

namespace weir {

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

void tree_books::hear(const std::string& path, const child_event& event, bool restarted) {
  using enum child_event::kind;
  const std::lock_guard lock{lock_};
  any_started_ = any_started_ || event.what == started;
  auto* const one = find_or_add(path);
  if (one == nullptr)
    return;
  auto& seen = one->seen;
  if (event.what == started)
    ++seen.starts;
  if (restarted)
    ++seen.restarts;
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
  books.runs = &one;
  books.began = now;
  ++books.lives;
}

void tree_books::over(const std::string& path, const running_pipeline& one,
                      std::chrono::steady_clock::time_point now,
                      std::chrono::system_clock::time_point wall) {
  const std::lock_guard lock{lock_};
  const auto found = records_.find(path);
  if (found == records_.end() || !found->second.pipeline || found->second.pipeline->runs != &one)
    return;
  auto& books = *found->second.pipeline;
  const auto snapshot = one.snapshot();
  books.last = report_of(one, now - books.began, wall);
  books.in_flight_before += std::exchange(books.in_flight_last, snapshot.ledger.in_flight);
  books.earlier += snapshot.ledger;
  books.balanced = books.balanced && snapshot.ledger.balanced();
  books.settled_twice = books.settled_twice || snapshot.settled_twice;
  books.runs = nullptr;
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
    if (books.runs != nullptr) {
      all.ledger += books.runs->snapshot().ledger;
      all.in_flight_before += books.in_flight_last;
      all.lives = true;
    }
  }
  return all;
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
  made.pipeline =
      books.runs != nullptr ? report_of(*books.runs, now - books.began, wall) : books.last;
  auto ledger = books.earlier;
  if (books.runs != nullptr)
    ledger += made.pipeline->ledger;
  made.pipeline->ledger = ledger;
  made.lives = books.lives;
  made.in_flight_before =
      books.in_flight_before + (books.runs != nullptr ? books.in_flight_last : 0);
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

} // namespace weir
