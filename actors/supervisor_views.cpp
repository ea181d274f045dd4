#include <weir/actors/supervisor.hpp>

// What can be seen of a supervisor's children. Once it has ended, this is what was last.

namespace weir {

child_view supervisor::view(internal::child_key key) const {
  const auto& spec = decides_.spec(key);
  return {.child = {identity_, key},
          .id = spec.id,
          .now = decides_.now_is(key),
          .type = spec.type,
          .restarts = decides_.restarts(key),
          .last_failure = members_.at(key).last_failure};
}

child_spec supervisor::spec_of(internal::child_key key) const {
  auto spec = decides_.spec(key);
  spec.shutdown = spec.shutdown.value_or(shutdown::usual(spec.type));
  return spec;
}

std::vector<child_view> supervisor::which_children() const {
  const std::lock_guard lock{lock_};
  std::vector<child_view> all;
  for (const auto& one : members_)
    if (decides_.has(one.first))
      all.push_back(view(one.first));
  return all;
}

result<child_view> supervisor::which_child(std::string_view id) const {
  const std::lock_guard lock{lock_};
  if (const auto key = find(id))
    return view(*key);
  return not_found(id).why;
}

result<child_view> supervisor::which_child(child_ref which) const {
  const std::lock_guard lock{lock_};
  if (const auto key = find(which))
    return view(*key);
  return no(kind::not_found, "it isn't a child of this supervisor").why;
}

result<child_spec> supervisor::get_child_spec(std::string_view id) const {
  const std::lock_guard lock{lock_};
  if (const auto key = find(id))
    return spec_of(*key);
  return not_found(id).why;
}

result<child_spec> supervisor::get_child_spec(child_ref which) const {
  const std::lock_guard lock{lock_};
  if (const auto key = find(which))
    return spec_of(*key);
  return no(kind::not_found, "it isn't a child of this supervisor").why;
}

child_count supervisor::count_children() const {
  const std::lock_guard lock{lock_};
  child_count all{.abandoned = abandoned_.size()};
  for (const auto& one : members_) {
    using enum child_now;
    if (!decides_.has(one.first))
      continue;
    const auto now = decides_.now_is(one.first);
    ++all.specs;
    all.active += now == starting || now == running || now == stopping ? 1U : 0U;
    ++(decides_.spec(one.first).type == child_type::supervisor ? all.supervisors : all.workers);
  }
  return all;
}

} // namespace weir
