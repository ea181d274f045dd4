#include <weir/connectors/sqlite/letter_connection.hpp>
#include <weir/connectors/sqlite/letter_schema.hpp>

namespace weir::sqlite {

result<std::unique_ptr<letter_connection>>
letter_connection::open(const std::filesystem::path& path, const letter_connection_options& options,
                        claims& others) {
  if (options.tool) { // looks before it touches: the file may be another program's
    auto looking = to_look(path, options);
    if (!looking || *options.tool == tool_use::look)
      return looking;
  }
  auto opened =
      database::open(path, {.survives = durability::power, .busy_timeout = options.busy_timeout});
  if (!opened)
    return std::move(opened.error());
  if (auto made = make_letter_tables(*opened); !made)
    return std::move(made.error());
  // What is purged is overwritten; SQLite may be built without that.
  if (auto set = opened->execute("PRAGMA secure_delete = ON"); !set)
    return std::move(set.error());
  auto ready = std::make_unique<letter_connection>(std::move(*opened));
  if (auto orphans = ready->orphans(others); !orphans)
    return std::move(orphans.error());
  else if (!orphans->empty())
    if (auto done = ready->writing([&] { return ready->release_orphans(others); }); !done)
      return std::move(done.error());
  return ready;
}

result<std::unique_ptr<letter_connection>>
letter_connection::to_look(const std::filesystem::path& path,
                           const letter_connection_options& options) {
  auto opened = database::open(path, {.busy_timeout = options.busy_timeout, .read_only = true});
  if (!opened)
    return std::move(opened.error());
  auto there = has_letter_tables(*opened);
  if (!there)
    return std::move(there.error());
  if (!*there)
    return fatal("'" + path.string() + "' holds no dead letters: it has no table dead_letters");
  if (auto shown = show_letter_tables(*opened); !shown)
    return std::move(shown.error());
  return std::make_unique<letter_connection>(std::move(*opened));
}

result<std::vector<std::uint64_t>> letter_connection::orphans(claims& others) {
  if (auto there = others.renew(); !there)
    return std::move(there.error());
  auto claimants = claimed.claimants();
  if (!claimants)
    return claimants;
  std::vector<std::uint64_t> gone;
  for (const auto one : *claimants) {
    auto held = others.is_held(one);
    if (!held)
      return std::move(held.error());
    if (!*held)
      gone.push_back(one);
  }
  return gone;
}

result<void> letter_connection::release_orphans(claims& others) {
  auto gone = orphans(others);
  if (!gone)
    return std::move(gone.error());
  for (const auto one : *gone)
    if (auto released = claimed.release_all(one); !released)
      return released;
  return {};
}

} // namespace weir::sqlite
