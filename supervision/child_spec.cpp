#include <weir/supervision/child_spec.hpp>

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace weir {

namespace {

constexpr std::size_t id_bytes_max = 200;

template <class Enum>
bool is_one_of(Enum value, Enum last) {
  return static_cast<int>(value) >= 0 && static_cast<int>(value) <= static_cast<int>(last);
}

std::string found(auto value) { return ", found " + std::to_string(value); }

} // namespace

std::vector<std::string> problems(const child_spec& spec, auto_shutdown use_of_significance) {
  std::vector<std::string> all;
  const auto says = [&](std::string what) {
    all.push_back("child '" + spec.id.substr(0, id_bytes_max) + "': " + std::move(what));
  };
  if (spec.id.empty())
    says("the id must not be empty");
  if (spec.id.size() > id_bytes_max)
    says("the id must not be longer than 200 bytes" + found(spec.id.size()));
  if (std::ranges::any_of(spec.id, [](unsigned char one) { return std::iscntrl(one) != 0; }))
    says("the id must not hold control characters");
  if (!spec.start)
    says("start is missing");
  if (!is_one_of(spec.restart, restart::temporary))
    says("restart is permanent, transient or temporary" + found(static_cast<int>(spec.restart)));
  if (!is_one_of(spec.type, child_type::supervisor))
    says("type is worker or supervisor" + found(static_cast<int>(spec.type)));
  if (spec.shutdown && !is_one_of(spec.shutdown->how, shutdown::kind::brutal_kill))
    says("shutdown is a time, infinite or brutal_kill"
         + found(static_cast<int>(spec.shutdown->how)));
  if (spec.shutdown && spec.shutdown->time.count() < 0)
    says("shutdown must not be negative" + found(spec.shutdown->time.count()) + " ms");
  if (spec.shutdown && spec.shutdown->time > duration_max)
    says("shutdown must not be longer than a year" + found(spec.shutdown->time.count()) + " ms");
  if (spec.significant && spec.restart == restart::permanent)
    says("significant needs restart transient or temporary, found permanent");
  if (spec.significant && use_of_significance == auto_shutdown::never)
    says("significant needs a supervisor with auto_shutdown, found never");
  return all;
}

} // namespace weir
