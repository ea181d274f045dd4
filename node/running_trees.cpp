#include <weir/node/running_trees.hpp>
#include <weir/pipeline/pipeline_child.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

namespace {

constexpr const char* top_name = "node";

std::string text_of(const failure& why) {
  return why.chain.empty() ? std::string{} : why.message();
}

} // namespace

running_trees::~running_trees() {
  for (const auto& one : members_)
    one->part.runs_as(nullptr);
  top_.reset();
  while (!members_.empty()) // those above first
    members_.pop_back();
}

result<void> running_trees::start(std::vector<tree> all, flight_recorder* recorder) {
  if (all.empty())
    return {};
  recorder_ = recorder;
  supervisor_options options;
  for (const auto& one : all) {
    if (auto found = one.validate(); !found.empty())
      return failure{failure_kind::fatal, std::move(found), {}}.within("tree '" + one.name()
                                                                       + "' can't run");
    names_.push_back(one.name());
    options.children.push_back(make(one, one.name(), true).as_child(restart::temporary));
  }
  options.report = [books = books_, &news = news_](const child_event& event) {
    books->hear(event.child, event);
    news.child(event.child, event, false);
  };
  top_ = std::make_unique<supervisor>(node_, top_name, std::move(options));
  auto begun =
      top_->as_child().start(child_link{[&news = news_](const child_news&) { news.ended(); }});
  if (auto* why = std::get_if<failure>(&begun)) {
    top_.reset();
    return std::move(*why);
  }
  as_child_ = std::move(std::get<child>(begun));
  return {};
}

supervisor& running_trees::make(const tree& from, const std::string& path, bool is_root) {
  auto options = from.options();
  std::set<std::string> below;
  for (const auto& one : from.children_) {
    options.children.push_back(spec_of(one, path));
    if (one.below)
      below.insert(one.spec.id);
  }
  auto& made = *members_.emplace_back(
      std::make_unique<member>(member{path, nullptr, std::move(below), is_root, from}));
  options.report = [this, &made, own = std::move(options.report)](const child_event& event) {
    hear(made, event);
    if (own)
      own(event);
  };
  made.one = std::make_unique<supervisor>(node_, from.name(), std::move(options));
  from.runs_as(made.one.get());
  return *made.one;
}

child_spec running_trees::spec_of(const tree::entry& one, const std::string& path) {
  auto spec = one.spec;
  const auto its_path = path + "/" + spec.id;
  if (one.below)
    return make(*one.below, its_path, false).as_child(spec.restart);
  if (one.make) {
    spec.start = start_of_pipeline(its_path, one.make);
    pipelines_.insert(its_path);
  }
  return spec;
}

start_function running_trees::start_of_pipeline(const std::string& path,
                                                std::function<pipeline()> from) {
  auto made = [from = std::move(from), rate = replay_rate_] {
    auto one = from();
    if (rate > 0)
      one.replay_at({.permits = rate});
    return one;
  };
  return pipeline_child(
      node_, std::move(made),
      {.worker_failed = [&node = node_, &news = news_](
                            const failure& why) { news.worker_failed(why, node.now()); },
       .replay = [&news = news_, path](const replay_run& run) { news.replay(path, run); },
       .begun = [books = books_, &node = node_,
                 path](const running_pipeline& one) { books->begun(path, one, node.now()); },
       .over =
           [books = books_, &node = node_, path](const running_pipeline& one) {
             books->over(path, one, node.now(), node.wall_clock());
           }},
      recorder_);
}

/// In turns of the supervisor, without its lock.
void running_trees::hear(member& who, const child_event& event) {
  const auto path = who.path + "/" + event.child;
  std::optional<child_restart> restarted;
  if (event.what == child_event::kind::started)
    if (const auto seen = who.one->which_child(event.ref); seen && seen->restarts > 0)
      restarted = {node_.wall_clock(), text_of(seen->last_failure)};
  books_->hear(path, event, restarted);
  if (event.what == child_event::kind::killed && !who.trees_below.contains(event.child))
    books_->killed();
  if (event.what == child_event::kind::escalated && who.is_root) {
    const std::lock_guard lock{lock_};
    if (!escalated_)
      escalated_ = escalation{who.path, event.why};
  }
  news_.child(path, event, restarted.has_value()); // last: it wakes the node, which then looks
}

void running_trees::stop() {
  if (as_child_)
    as_child_->stop();
}

void running_trees::kill() {
  if (as_child_)
    as_child_->kill();
}

bool running_trees::all_ended() const {
  return !top_ || top_->now_is() == supervisor::state::ended;
}

bool running_trees::any_healthy() const {
  if (all_ended())
    return false;
  return std::ranges::any_of(members_, [](const auto& each) {
    return each->is_root && each->one->now_is() != supervisor::state::ended;
  });
}

bool running_trees::nothing_left() const {
  if (!top_)
    return true;
  if (top_->now_is() != supervisor::state::running || !books_->any_started())
    return all_ended();
  for (const auto& each : members_)
    for (const auto& seen : each->one->which_children()) {
      if (seen.now == child_now::down || seen.now == child_now::ended)
        continue;
      // A supervisor that has nothing left runs on; what it has is looked at itself.
      if (seen.now != child_now::running || !each->trees_below.contains(seen.id))
        return false;
    }
  return true;
}

std::optional<running_trees::escalation> running_trees::failed() const {
  {
    const std::lock_guard lock{lock_};
    if (escalated_)
      return escalated_;
  }
  for (const auto& each : members_) {
    if (!each->is_root)
      continue;
    if (const auto ended = each->one->ended(); ended && ended->reason == exit_reason::failed)
      return escalation{each->path, ended->why};
  }
  return std::nullopt;
}

bool running_trees::any_abandoned() const {
  const auto has_some = [](const supervisor& one) { return one.count_children().abandoned > 0; };
  return (top_ && has_some(*top_))
         || std::ranges::any_of(members_, [&](const auto& each) { return has_some(*each->one); });
}

std::vector<tree_report> running_trees::report() const {
  std::vector<tree_report> all;
  for (const auto& name : names_) {
    auto& made = all.emplace_back();
    made.tree = name;
    if (const auto seen = books_->child(name)) {
      made.state = seen->state;
      made.last_failure = seen->last_failure;
    }
    made.children = books_->children_of(name, node_.now(), node_.wall_clock());
    made.children_left_out = books_->left_out();
  }
  return all;
}

const running_trees::member* running_trees::find(const std::string& path) const {
  const auto found =
      std::ranges::find_if(members_, [&path](const auto& each) { return each->path == path; });
  return found != members_.end() ? found->get() : nullptr;
}

std::vector<part_view> running_trees::view() const {
  std::vector<part_view> all;
  for (const auto& name : names_) {
    child_view seen{.child = {}, .id = name, .now = child_now::ended, .last_failure = {}};
    if (top_)
      if (auto there = top_->which_child(name)) // else it has ended, and is forgotten there
        seen = std::move(*there);
    all.push_back(view_of(seen, name));
    if (const auto known = books_->child(name); known && all.back().last_failure.empty())
      all.back().last_failure = known->last_failure;
  }
  return all;
}

part_view running_trees::view_of(const child_view& seen, const std::string& path) const {
  part_view made{.path = path,
                 .what = part_view::kind::child,
                 .now = seen.now,
                 .restarts = seen.restarts,
                 .last_restarts = books_->last_restarts_of(path),
                 .last_failure = text_of(seen.last_failure),
                 .lives = {},
                 .children = {}};
  if (const auto* const tree = find(path)) {
    made.what = part_view::kind::tree;
    look_below(*tree, made);
  } else if (pipelines_.contains(path)) {
    made.what = part_view::kind::pipeline;
  }
  return made;
}

void running_trees::look_below(const member& tree, part_view& into) const {
  for (const auto& below : tree.one->which_children())
    into.children.push_back(view_of(below, into.path + "/" + below.id));
  if (tree.part.options().supervision.strategy == dynamic)
    into.lives = books_->lives_of(into.path + "/" + tree.part.children_.front().spec.id);
  else
    for (auto& child : into.children)
      if (child.what == part_view::kind::pipeline)
        child.lives = books_->lives_of(child.path);
}

} // namespace weir::internal
