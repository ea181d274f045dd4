#pragma once

#include <weir/dead_letters/dead_letter_audit.hpp>
#include <weir/dead_letters/dead_letter_filter.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace weir::internal {

/// What a store in memory keeps: the letters, who has claimed them, and the audit.
///
/// Owner: one thread at a time; the store locks.
/// Invariants: one letter of each identity, and no id twice. A letter has a claimant while it is being replayed; once
/// that is gone, `release_orphans` requests it again. Of a letter that is gone no payload is kept.
class kept_letters {
public:
  /// It lives as long as the store object that claims with it.
  struct claimant {};

  struct entry {
    dead_letter letter;
    std::weak_ptr<claimant> claimed_by{}; // while it is being replayed
  };

  kept_letters(std::size_t letters_max, std::size_t lines_max)
      : letters_max_{letters_max}, lines_max_{lines_max} {}

  /// Is there room for those of them that are new?
  bool has_room_for(std::span<const dead_letter> letters) const;
  /// Keeps a letter: a new one, or together with the one of its identity.
  void put(const dead_letter& letter);
  /// The letter with this id; null if there is none.
  entry* find(std::uint64_t id);
  /// The letter with this id, if this claimant is replaying it; else null.
  entry* claimed(std::uint64_t id, const std::shared_ptr<claimant>& by);
  /// What the filter lets through, its limit included, in the order of keys and arrival.
  std::vector<entry*> matching(const dead_letter_filter& filter, bool also_replaying = true);
  /// Removes a letter, and what an edit of it has replaced.
  void forget(std::uint64_t id);
  /// Forgets all letters, without a line in the audit.
  void clear();
  /// Requests again what a store object that is gone has claimed.
  void release_orphans();

  /// Adds a line to the audit, and gives it its number; the oldest goes where there are too many.
  void note(dead_letter_audit line);

  /// All letters, in the order of arrival.
  const std::map<std::uint64_t, entry>& letters() const noexcept { return letters_; }
  /// The lines of the audit, the oldest first.
  const std::deque<dead_letter_audit>& audit() const noexcept { return audit_; }

private:
  // Pipeline, stage, source, position and part.
  using identity = std::tuple<std::string, std::string, std::string, std::uint64_t, std::uint32_t>;
  static identity identity_of(const dead_letter& letter);

  const std::size_t letters_max_;
  const std::size_t lines_max_;
  std::map<std::uint64_t, entry> letters_;
  std::map<identity, std::uint64_t> ids_;
  std::uint64_t last_id_ = 0;
  std::deque<dead_letter_audit> audit_;
  std::uint64_t last_line_ = 0;
};

} // namespace weir::internal
