#pragma once

#include <weir/dead_letters/dead_letter.hpp>
#include <weir/dead_letters/dead_letter_filter.hpp>
#include <weir/dead_letters/replay_request.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

/// The audit of dead letters: who did what to them, and when. The lines are the same in every store.
namespace weir {

/// Who does something to dead letters, and when: goes into the audit.
struct done_by {
  std::string who;
  std::chrono::system_clock::time_point at = std::chrono::system_clock::now();
};

/// One line of the audit.
struct dead_letter_audit {
  std::uint64_t number = 0; ///< given by the store, ascending
  std::chrono::system_clock::time_point at;
  std::string who;
  std::string
      what; ///< "replay", "cancel", "replayed", "failed again", "withdrawn", "edit", "purge", "export"
  std::string about;   ///< ids or a filter
  std::string outcome; ///< "3 letters removed"
  /// What an edit has replaced. It goes with its letter, the line stays.
  std::optional<std::string> payload_before{};
};

/// A letter that was being replayed has failed again; it is as it is kept now.
dead_letter_audit failed_again(const dead_letter& letter);
/// Somebody has asked for a replay.
dead_letter_audit replay_asked(const dead_letter_filter& filter, const replay_terms& terms,
                               const replay_request& answer, const done_by& by);
/// Somebody has taken that back for so many letters.
dead_letter_audit replay_cancelled(const dead_letter_filter& filter, std::uint64_t letters,
                                   const done_by& by);
/// Somebody has replaced the payload of this letter.
dead_letter_audit edited(const dead_letter& before, const std::string& payload, const done_by& by);
/// So many of these letters can't be replayed, and are kept.
dead_letter_audit withdrawn(std::span<const std::uint64_t> ids, std::uint64_t kept,
                            const std::string& why, const done_by& by);
/// Replayed letters have gone through; so many of them were removed.
dead_letter_audit gone_through(std::span<const std::uint64_t> ids, std::uint64_t removed,
                               const done_by& by);
/// Somebody has removed so many letters.
dead_letter_audit purged(const dead_letter_filter& filter, std::uint64_t removed,
                         const done_by& by);

} // namespace weir
