#pragma once

#include <weir/connectors/sqlite/claims.hpp>
#include <weir/connectors/sqlite/letter_connection.hpp>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace weir::sqlite {

/// The way to a store of dead letters that several threads share: one connection, which is opened when it is first
/// needed and anew after damage, and one claimant.
///
/// Owner: any thread; one at a time is in the store.
/// Invariants: claims outlive the connection, so that a reopened store still has what it claimed.
/// Failure: as that of the work, with what was tried and the file's path around it.
class letter_access {
public:
  letter_access(std::filesystem::path file, letter_connection_options options)
      : path_{std::move(file)}, options_{options}, claims_{path_} {}

  const std::filesystem::path& path() const noexcept { return path_; }

  /// Opens the store, if it is not open.
  result<void> open();

  /// Does the work on the open store, alone. `what` is tried: "can't read the dead letters in".
  template <class Work>
  auto with(const char* what, Work work) -> decltype(work(std::declval<letter_connection&>())) {
    const std::lock_guard guard{lock_};
    const auto layer = [&] { return std::string{what} + " '" + path_.string() + "'"; };
    if (auto ready = connect(); !ready)
      return std::move(ready.error()).within(layer());
    auto done = work(*connected_);
    if (done)
      return done;
    if (done.error().kind == failure_kind::fatal)
      connected_.reset(); // the next try begins anew
    return std::move(done.error()).within(layer());
  }

  /// Does the work in one transaction.
  template <class Work>
  auto writing(const char* what, Work work) {
    return with(what, [&](letter_connection& in) { return in.writing([&] { return work(in); }); });
  }

  /// Does the work, which gives letters up, in one transaction behind what was committed elsewhere.
  template <class Work>
  auto giving_up(const char* what, Work work) {
    return with(what,
                [&](letter_connection& in) { return in.giving_up([&] { return work(in); }); });
  }

  /// Changes letters that nobody is replaying any more, and notes in the audit what became of it.
  template <class Change, class Line>
  auto working_on(const char* what, Change change, Line line)
      -> decltype(change(std::declval<letter_table&>())) {
    return writing(what, [&](letter_connection& in) -> decltype(change(in.letters)) {
      if (auto released = release_orphans(in); !released)
        return std::move(released.error());
      auto done = change(in.letters);
      if (done)
        if (auto noted = in.audit.note(line(*done)); !noted)
          return std::move(noted.error());
      return done;
    });
  }

  // Within `with` or `writing`, on what they hand out:
  result<bool> any_orphans(letter_connection& in);
  result<void> release_orphans(letter_connection& in) { return in.release_orphans(claims_); }
  /// Takes a number of its own to claim with, if it has none. No transaction may be open.
  result<void> become_claimant(letter_connection& in);
  /// That number; 0: none yet.
  std::uint64_t claimant() const noexcept { return claims_.mine(); }

private:
  result<void> connect();

  const std::filesystem::path path_;
  const letter_connection_options options_;
  std::mutex lock_; // guards what follows
  std::unique_ptr<letter_connection> connected_;
  claims claims_;
};

} // namespace weir::sqlite
