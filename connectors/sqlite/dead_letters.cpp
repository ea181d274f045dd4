#include <weir/connectors/sqlite/claims.hpp>
#include <weir/connectors/sqlite/dead_letters.hpp>
#include <weir/connectors/sqlite/letter_table.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace weir::dead_letters {

using weir::sqlite::claims;
using weir::sqlite::database;
using weir::sqlite::letter_table;
using weir::sqlite::transaction;

namespace {
constexpr auto reading = "can't read the dead letters in";
constexpr auto changing = "can't change the dead letters in";
} // namespace

/// An open store.
struct sqlite::connection {
  static result<std::unique_ptr<connection>> open(const std::filesystem::path& path,
                                                  const sqlite_options& options, claims& others) {
    if (options.tool) { // looks before it touches: the file may be another program's
      auto looking = to_look(path, options);
      if (!looking || *options.tool == tool_use::look)
        return looking;
    }
    auto opened = database::open(
        path, {.survives = weir::sqlite::durability::power, .busy_timeout = options.busy_timeout});
    if (!opened)
      return std::move(opened.error());
    auto where = std::make_unique<database>(std::move(*opened));
    auto made = letter_table::in(*where);
    if (!made)
      return std::move(made.error());
    // What is purged is overwritten; SQLite may be built without that.
    if (auto set = where->execute("PRAGMA secure_delete = ON"); !set)
      return std::move(set.error());
    auto ready = std::make_unique<connection>(std::move(where), std::move(*made));
    if (auto orphans = ready->orphans(others); !orphans)
      return std::move(orphans.error());
    else if (!orphans->empty())
      if (auto done = ready->writing([&] { return ready->release_orphans(others); }); !done)
        return std::move(done.error());
    return ready;
  }

  static result<std::unique_ptr<connection>> to_look(const std::filesystem::path& path,
                                                     const sqlite_options& options) {
    auto opened = database::open(path, {.busy_timeout = options.busy_timeout, .read_only = true});
    if (!opened)
      return std::move(opened.error());
    auto where = std::make_unique<database>(std::move(*opened));
    auto there = letter_table::is_in(*where);
    if (!there)
      return std::move(there.error());
    if (!*there)
      return fatal("'" + path.string() + "' holds no dead letters: it has no table dead_letters");
    auto letters = letter_table::to_read(*where);
    if (!letters)
      return std::move(letters.error());
    return std::make_unique<connection>(std::move(where), std::move(*letters));
  }

  connection(std::unique_ptr<database> in, letter_table of)
      : where{std::move(in)}, letters{std::move(of)} {}

  /// All of it or nothing: commits what `work` did unless it failed.
  template <class Work>
  auto writing(Work work) -> decltype(work()) {
    auto begun = transaction::begin(*where);
    if (!begun)
      return std::move(begun.error());
    auto done = work();
    if (done)
      if (auto committed = begun->commit(); !committed)
        return std::move(committed.error());
    return done;
  }

  /// Claimants that are gone, and left letters behind.
  result<std::vector<std::uint64_t>> orphans(claims& others) {
    if (auto there = others.renew(); !there)
      return std::move(there.error());
    auto claimants = letters.claimants();
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
  result<void> release_orphans(claims& others) {
    auto gone = orphans(others);
    if (!gone)
      return std::move(gone.error());
    for (const auto one : *gone)
      if (auto released = letters.release_all(one); !released)
        return released;
    return {};
  }

  std::unique_ptr<database> where;
  letter_table letters;
};

struct sqlite::shared {
  shared(std::filesystem::path file, sqlite_options chosen)
      : path{std::move(file)}, options{chosen}, claimed{path} {}

  result<void> connect() {
    if (connected)
      return {};
    auto opened = connection::open(path, options, claimed);
    if (!opened)
      return std::move(opened.error());
    connected = std::move(*opened);
    return {};
  }

  /// Does the work on the open store, alone.
  template <class Work>
  auto with(const char* what, Work work) -> decltype(work(std::declval<connection&>())) {
    const std::lock_guard guard{lock};
    const auto layer = [&] { return std::string{what} + " '" + path.string() + "'"; };
    if (auto ready = connect(); !ready)
      return std::move(ready.error()).within(layer());
    auto done = work(*connected);
    if (done)
      return done;
    if (done.error().kind == failure_kind::fatal)
      connected.reset(); // the next try begins anew
    return std::move(done.error()).within(layer());
  }
  template <class Work>
  auto writing(const char* what, Work work) {
    return with(what, [&](connection& in) { return in.writing([&] { return work(in); }); });
  }

  /// Changes letters that nobody is replaying any more, and notes in the audit what became of it.
  template <class Change, class Line>
  auto working_on(Change change, Line line) -> decltype(change(std::declval<letter_table&>())) {
    return writing(changing, [&](connection& in) -> decltype(change(in.letters)) {
      if (auto released = in.release_orphans(claimed); !released)
        return std::move(released.error());
      auto done = change(in.letters);
      if (done)
        if (auto noted = in.letters.note(line(*done)); !noted)
          return std::move(noted.error());
      return done;
    });
  }

  /// Takes a number of its own, to claim with.
  result<void> become_claimant(connection& in) {
    if (auto there = claimed.renew(); !there)
      return there;
    while (claimed.mine() == 0) {
      auto number = in.writing([&] { return in.letters.new_claimant(); });
      if (!number)
        return std::move(number.error());
      // The number is taken where the database is new, and the file beside it is not.
      if (auto held = claimed.hold(*number); !held)
        return std::move(held.error());
    }
    return {};
  }

  const std::filesystem::path path;
  const sqlite_options options;
  std::mutex lock; // guards what follows
  std::unique_ptr<connection> connected;
  claims claimed;
};

sqlite::sqlite(std::filesystem::path path, sqlite_options options)
    : shared_{std::make_shared<shared>(std::move(path), options)} {}

result<void> sqlite::open() {
  const std::lock_guard guard{shared_->lock};
  auto opened = shared_->connect();
  if (!opened && opened.error().kind != failure_kind::transient)
    return opened;
  return {};
}

result<void> sqlite::put(std::span<const dead_letter> letters) {
  return shared_->writing("can't keep dead letters in", [&](connection& in) -> result<void> {
    bool more = false;
    for (const auto& one : letters) {
      auto added = in.letters.put(one);
      if (!added)
        return std::move(added.error());
      more = more || *added;
    }
    // What failed again takes no further place, also where there are too many already.
    if (const auto capacity = shared_->options.capacity; more && capacity > 0) {
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
  return shared_->with(reading,
                       [&](connection& in) { return in.letters.select(filter, max, after); });
}

result<std::vector<dead_letter_count>> sqlite::histogram(const dead_letter_filter& filter) {
  return shared_->with(reading, [&](connection& in) { return in.letters.histogram(filter); });
}

result<std::vector<dead_letter_audit>> sqlite::audit(std::uint64_t after, std::size_t max) {
  return shared_->with(reading, [&](connection& in) { return in.letters.audit(after, max); });
}

// --- working on them ---------------------------------------------------------------------------------

result<void> sqlite::edit(std::uint64_t id, std::string payload, const done_by& by) {
  return shared_->writing(changing, [&](connection& in) -> result<void> {
    if (auto released = in.release_orphans(shared_->claimed); !released)
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
    return in.letters.note_edit(**before, payload, by);
  });
}

result<replay_request> sqlite::request_replay(const dead_letter_filter& filter,
                                              const replay_terms& terms, const done_by& by) {
  if (terms.dry_run)
    return shared_->with(
        reading, [&](connection& in) { return in.letters.count_for_replay(filter, terms); });
  return shared_->working_on(
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
  return shared_->working_on(
      [&](letter_table& letters) { return letters.set_kept(filter); },
      [&](std::uint64_t kept) { return replay_cancelled(filter, kept, by); });
}

result<std::vector<dead_letter>> sqlite::claim_requested(const dead_letter_filter& filter,
                                                         std::size_t max) {
  using letters = std::vector<dead_letter>;
  return shared_->with("can't claim dead letters in", [&](connection& in) -> result<letters> {
    // Asked often, and mostly in vain: then nobody is kept from writing.
    auto any = in.letters.any_requested();
    if (any && !*any) {
      auto gone = in.orphans(shared_->claimed);
      if (!gone)
        return std::move(gone.error());
      *any = !gone->empty();
    }
    if (!any)
      return std::move(any.error());
    if (!*any)
      return letters{};
    if (auto ready = shared_->become_claimant(in); !ready)
      return std::move(ready.error());
    return in.writing([&]() -> result<letters> {
      if (auto released = in.release_orphans(shared_->claimed); !released)
        return std::move(released.error());
      auto wanted = filter;
      wanted.state = dead_letter_state::requested;
      const auto most = filter.limit > 0 ? std::min<std::uint64_t>(filter.limit, max) : max;
      auto claimed = in.letters.select(wanted, most, {});
      if (!claimed)
        return claimed;
      for (auto& one : *claimed) {
        one.state = dead_letter_state::replaying;
        if (auto done = in.letters.claim(one.id, shared_->claimed.mine()); !done)
          return std::move(done.error());
      }
      return claimed;
    });
  });
}

result<void> sqlite::release(std::span<const std::uint64_t> ids) {
  return shared_->writing(changing, [&](connection& in) -> result<void> {
    for (const auto id : ids)
      if (auto done =
              in.letters.give_back(id, shared_->claimed.mine(), dead_letter_state::requested);
          !done)
        return std::move(done.error());
    return {};
  });
}

result<void> sqlite::withdraw(std::span<const std::uint64_t> ids, const std::string& why,
                              const done_by& by) {
  return shared_->writing(changing, [&](connection& in) -> result<void> {
    std::uint64_t kept = 0;
    for (const auto id : ids) {
      auto done = in.letters.give_back(id, shared_->claimed.mine(), dead_letter_state::kept);
      if (!done)
        return std::move(done.error());
      kept += *done ? 1 : 0;
    }
    return in.letters.note(withdrawn(ids, kept, why, by));
  });
}

result<void> sqlite::replayed(std::span<const std::uint64_t> ids, const done_by& by) {
  return shared_->writing(changing, [&](connection& in) -> result<void> {
    std::uint64_t removed = 0;
    for (const auto id : ids) {
      auto done = in.letters.remove_claimed(id, shared_->claimed.mine());
      if (!done)
        return std::move(done.error());
      removed += *done ? 1 : 0;
    }
    return in.letters.note(gone_through(ids, removed, by));
  });
}

result<std::uint64_t> sqlite::purge(const dead_letter_filter& filter, const done_by& by) {
  auto removed =
      shared_->working_on([&](letter_table& letters) { return letters.remove(filter); },
                          [&](std::uint64_t letters) { return purged(filter, letters, by); });
  // The log has pages of them, until it is written over. Whoever reads now keeps them a while longer.
  if (removed && *removed > 0)
    (void)shared_->with(changing, [](connection& in) {
      return in.where->execute("PRAGMA wal_checkpoint(TRUNCATE)");
    });
  return removed;
}

result<void> sqlite::note(const dead_letter_audit& line) {
  return shared_->writing(changing, [&](connection& in) { return in.letters.note(line); });
}

result<std::shared_ptr<dead_letter_queue>> sqlite::for_tool(tool_use use) {
  std::error_code error;
  if (!std::filesystem::exists(shared_->path, error))
    return poison("there is no file '" + shared_->path.string() + "'");
  auto options = shared_->options;
  options.busy_timeout = std::max(options.busy_timeout, tool_busy_timeout);
  options.tool = use;
  return std::shared_ptr<dead_letter_queue>{std::make_shared<sqlite>(shared_->path, options)};
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
