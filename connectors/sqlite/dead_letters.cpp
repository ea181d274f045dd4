#include <weir/connectors/sqlite/dead_letters.hpp>
#include <weir/connectors/sqlite/letter_access.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace weir::dead_letters {

using connection = weir::sqlite::letter_connection;
using weir::sqlite::letter_table;

namespace {
constexpr auto reading = "can't read the dead letters in";
constexpr auto changing = "can't change the dead letters in";
} // namespace

sqlite::sqlite(std::filesystem::path path, sqlite_options options)
    : options_{options},
      store_{std::make_shared<weir::sqlite::letter_access>(
          std::move(path), weir::sqlite::letter_connection_options{
                               .busy_timeout = options.busy_timeout, .tool = options.tool})} {}

result<void> sqlite::open() {
  auto opened = store_->open();
  if (!opened && opened.error().kind != failure_kind::transient)
    return opened;
  return {};
}

result<void> sqlite::put(std::span<const dead_letter> letters) {
  return store_->writing("can't keep dead letters in", [&](connection& in) -> result<void> {
    auto added = in.upsert.put(letters);
    if (!added)
      return std::move(added.error());
    // What failed again takes no further place, also where there are too many already.
    if (const auto capacity = options_.capacity; *added > 0 && capacity > 0) {
      auto size = in.letters.size();
      if (!size)
        return std::move(size.error());
      if (*size > capacity)
        return transient("it is full (capacity " + std::to_string(capacity) + " letters)");
    }
    return {};
  });
}

// --- reading -----------------------------------------------------------------------------------------

result<std::vector<dead_letter>> sqlite::select(const dead_letter_filter& filter, std::size_t max,
                                                const dead_letter_cursor& after) {
  return store_->with(reading,
                      [&](connection& in) { return in.letters.select(filter, max, after); });
}

result<std::vector<dead_letter_count>> sqlite::histogram(const dead_letter_filter& filter) {
  return store_->with(reading, [&](connection& in) { return in.letters.histogram(filter); });
}

result<std::vector<dead_letter_audit>> sqlite::audit(std::uint64_t after, std::size_t max) {
  return store_->with(reading, [&](connection& in) { return in.audit.read(after, max); });
}

// --- working on them ---------------------------------------------------------------------------------

result<void> sqlite::edit(std::uint64_t id, std::string payload, const done_by& by) {
  return store_->writing(changing, [&](connection& in) -> result<void> {
    if (auto released = store_->release_orphans(in); !released)
      return released;
    auto before = in.letters.find(id);
    if (!before)
      return std::move(before.error());
    if (!*before)
      return no_letter(id);
    if ((*before)->state == dead_letter_state::replaying)
      return letter_in_use(id);
    if (auto done = in.letters.set_payload(id, payload, by); !done)
      return done;
    return in.audit.note_edit(**before, payload, by);
  });
}

result<replay_request> sqlite::request_replay(const dead_letter_filter& filter,
                                              const replay_terms& terms, const done_by& by) {
  if (terms.dry_run)
    return store_->with(reading,
                        [&](connection& in) { return in.letters.count_for_replay(filter, terms); });
  return store_->working_on(
      changing,
      [&](letter_table& letters) {
        auto answer = letters.count_for_replay(filter, terms);
        if (answer)
          if (auto done = letters.set_requested(filter, terms); !done)
            answer = std::move(done.error());
        return answer;
      },
      [&](const replay_request& answer) { return replay_asked(filter, terms, answer, by); });
}

result<std::uint64_t> sqlite::cancel_replay(const dead_letter_filter& filter, const done_by& by) {
  return store_->working_on(
      changing, [&](letter_table& letters) { return letters.set_kept(filter); },
      [&](std::uint64_t kept) { return replay_cancelled(filter, kept, by); });
}

result<std::vector<dead_letter>> sqlite::claim_requested(const dead_letter_filter& filter,
                                                         std::size_t max) {
  using letters = std::vector<dead_letter>;
  return store_->with("can't claim dead letters in", [&](connection& in) -> result<letters> {
    // Asked often, and mostly in vain: then nobody is kept from writing.
    auto any = in.claimed.any_requested();
    if (any && !*any)
      any = store_->any_orphans(in);
    if (!any)
      return std::move(any.error());
    if (!*any)
      return letters{};
    if (auto ready = store_->become_claimant(in); !ready)
      return std::move(ready.error());
    return in.writing([&]() -> result<letters> {
      if (auto released = store_->release_orphans(in); !released)
        return std::move(released.error());
      auto wanted = filter;
      wanted.state = dead_letter_state::requested;
      const auto most = filter.limit > 0 ? std::min<std::uint64_t>(filter.limit, max) : max;
      auto claimed = in.letters.select(wanted, most, {});
      if (!claimed)
        return claimed;
      for (auto& one : *claimed) {
        one.state = dead_letter_state::replaying;
        if (auto done = in.claimed.claim(one.id, store_->claimant()); !done)
          return std::move(done.error());
      }
      return claimed;
    });
  });
}

result<void> sqlite::release(std::span<const std::uint64_t> ids) {
  return store_->writing(changing, [&](connection& in) -> result<void> {
    for (const auto id : ids)
      if (auto done = in.claimed.give_back(id, store_->claimant(), dead_letter_state::requested);
          !done)
        return std::move(done.error());
    return {};
  });
}

result<void> sqlite::withdraw(std::span<const std::uint64_t> ids, const std::string& why,
                              const done_by& by) {
  return store_->writing(changing, [&](connection& in) -> result<void> {
    std::uint64_t kept = 0;
    for (const auto id : ids) {
      auto done = in.claimed.give_back(id, store_->claimant(), dead_letter_state::kept);
      if (!done)
        return std::move(done.error());
      kept += *done ? 1 : 0;
    }
    return in.audit.note(withdrawn(ids, kept, why, by));
  });
}

result<void> sqlite::replayed(std::span<const std::uint64_t> ids, const done_by& by) {
  return store_->giving_up(changing, [&](connection& in) -> result<void> {
    std::uint64_t removed = 0;
    for (const auto id : ids) {
      auto done = in.claimed.remove(id, store_->claimant());
      if (!done)
        return std::move(done.error());
      removed += *done ? 1 : 0;
    }
    return in.audit.note(gone_through(ids, removed, by));
  });
}

result<std::uint64_t> sqlite::purge(const dead_letter_filter& filter, const done_by& by) {
  auto removed = store_->working_on(
      changing, [&](letter_table& letters) { return letters.remove(filter); },
      [&](std::uint64_t letters) { return purged(filter, letters, by); });
  // The log has pages of what was removed, until it is written over. Whoever reads now keeps them a while longer.
  if (removed && *removed > 0)
    (void)store_->with(changing, [](connection& in) {
      return in.where.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    });
  return removed;
}

result<void> sqlite::note(const dead_letter_audit& line) {
  return store_->writing(changing, [&](connection& in) { return in.audit.note(line); });
}

result<std::shared_ptr<dead_letter_queue>> sqlite::for_tool(tool_use use) {
  std::error_code error;
  if (!std::filesystem::exists(store_->path(), error))
    return poison("there is no file '" + store_->path().string() + "'");
  auto options = options_;
  options.busy_timeout = std::max(options.busy_timeout, tool_busy_timeout);
  options.tool = use;
  return std::shared_ptr<dead_letter_queue>{std::make_shared<sqlite>(store_->path(), options)};
}

result<dead_letter> load(const std::filesystem::path& path, std::uint64_t id) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return poison("there is no file '" + path.string() + "'");
  sqlite store{path, {.busy_timeout = std::chrono::milliseconds{1000}, .tool = tool_use::look}};
  auto found = store.select({.ids = {id}}, 1);
  if (!found)
    return std::move(found.error());
  if (found->empty())
    return no_letter(id).within("'" + path.string() + "'");
  return std::move(found->front());
}

} // namespace weir::dead_letters
