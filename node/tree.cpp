#include <weir/actors/supervisor.hpp>
#include <weir/node/tree.hpp>

#include <mutex>
#include <utility>

namespace weir {

struct tree::link {
  std::string name;
  std::mutex lock;
  supervisor* runs_as = nullptr; // guarded by lock
};

tree::tree(std::string name, supervisor_options options)
    : name_{std::move(name)}, options_{std::move(options)}, link_{std::make_shared<link>()} {
  link_->name = name_;
  for (auto& one : std::exchange(options_.children, {}))
    add(std::move(one));
}

tree& tree::add(child_spec child) {
  children_.push_back({std::move(child), {}, {}});
  return *this;
}

tree& tree::add(tree below, weir::restart restart) {
  child_spec spec{.id = below.name(), .restart = restart, .type = child_type::supervisor};
  children_.push_back({std::move(spec), {}, std::make_shared<const tree>(std::move(below))});
  return *this;
}

tree& tree::add_pipeline(std::string id, std::function<pipeline()> make, weir::restart restart) {
  child_spec spec{.id = std::move(id), .restart = restart, .shutdown = shutdown::infinite()};
  children_.push_back({std::move(spec), std::move(make), {}});
  return *this;
}

tree_ref tree::ref() const { return tree_ref{link_}; }

std::vector<std::string> tree::validate() const {
  auto checked = options_;
  std::vector<std::string> found;
  for (const auto& one : children_) {
    auto& spec = checked.children.emplace_back(one.spec);
    if (one.make || one.below)
      spec.start = [](const child_link&) -> start_answer { return ignored{}; };
    if (one.below)
      for (auto& problem : one.below->validate())
        found.push_back(std::move(problem));
  }
  if (name_.empty())
    found.insert(found.begin(), "a tree needs a name");
  for (const auto& problem : problems(checked))
    found.push_back("tree '" + name_ + "': " + problem);
  return found;
}

std::vector<pipeline> tree::make_pipelines() const {
  std::vector<pipeline> made;
  for (const auto& one : children_) {
    if (one.make)
      made.push_back(one.make());
    if (one.below)
      for (auto& below : one.below->make_pipelines())
        made.push_back(std::move(below));
  }
  return made;
}

void tree::runs_as(supervisor* one) const {
  const std::lock_guard lock{link_->lock};
  link_->runs_as = one;
}

template <class Ask>
std::future<child_answer> tree_ref::ask(Ask what) const {
  const std::lock_guard lock{link_->lock}; // the supervisor can't go meanwhile, and doesn't wait
  if (link_->runs_as != nullptr)
    return what(*link_->runs_as);
  std::promise<child_answer> answer;
  answer.set_value({child_answer::kind::ended,
                    {},
                    fatal("it isn't running").within("tree '" + link_->name + "'")});
  return answer.get_future();
}

std::future<child_answer> tree_ref::start_child(child_spec spec) const {
  return ask([&](supervisor& one) { return one.start_child(std::move(spec)); });
}

std::future<child_answer> tree_ref::start_child(start_function start) const {
  return ask([&](supervisor& one) { return one.start_child(std::move(start)); });
}

std::future<child_answer> tree_ref::terminate_child(std::string_view id) const {
  return ask([&](supervisor& one) { return one.terminate_child(id); });
}

std::future<child_answer> tree_ref::terminate_child(child_ref which) const {
  return ask([&](supervisor& one) { return one.terminate_child(which); });
}

child_count tree_ref::count_children() const {
  const std::lock_guard lock{link_->lock};
  return link_->runs_as != nullptr ? link_->runs_as->count_children() : child_count{};
}

} // namespace weir
