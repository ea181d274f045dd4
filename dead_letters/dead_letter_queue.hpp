#pragma once

#include <weir/dead_letters/dead_letter.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weir {

/// Which dead letters: those that fulfil everything that is set.
struct dead_letter_filter {
  std::vector<std::uint64_t> ids{}; ///< one of these; empty: any
  std::string pipeline{};           ///< empty: any; so too stage, source and cause
  std::string stage{};
  std::string source{};
  std::string cause{}; ///< occurs in the chain of causes, as failure::message() prints it
  std::optional<failure_kind> kind{};
  std::optional<std::string> key{};
  std::optional<dead_letter_state> state{};
  std::optional<std::chrono::system_clock::time_point> since{}; ///< last failed then or later
  std::optional<std::chrono::system_clock::time_point> until{}; ///< last failed earlier than this
  std::uint64_t limit = 0; ///< the first so many in the order of keys and arrival; 0: all

  /// But for the limit.
  bool matches(const dead_letter& letter) const;
  /// "stage parse, cause 'broken'", or "all"; for the audit and for people.
  std::string text() const;

  bool operator==(const dead_letter_filter&) const;
};

/// Behind which letter a page begins, in the order of keys and, within a key, of arrival.
struct dead_letter_cursor {
  std::string key{};
  std::uint64_t id = 0;
};

/// Dead letters of one stage with one cause.
struct dead_letter_count {
  std::string stage;
  std::string cause; ///< the outermost message
  std::uint64_t count = 0;

  bool operator==(const dead_letter_count&) const;
};

/// Who does something to dead letters, and when: goes into the audit.
struct done_by {
  std::string who;
  std::chrono::system_clock::time_point at = std::chrono::system_clock::now();
};

/// How a replay is asked for.
struct replay_terms {
  std::uint32_t replays_max = 3; ///< letters that failed again so often are left out
  bool forced = false;           ///< they are not
  bool dry_run = false;          ///< says what would happen; nothing does
};

/// What asking for a replay did.
struct replay_request {
  std::uint64_t requested = 0; ///< newly
  std::uint64_t under_way = 0; ///< were requested already, or are being replayed
  std::uint64_t too_often = 0; ///< left out: replayed replays_max times

  bool operator==(const replay_request&) const = default;
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

/// What a tool wants with a store.
enum class tool_use {
  work, ///< it changes letters
  look  ///< it changes nothing, and need not be allowed to
};

/// A store of dead letters that can also be read and worked on, by the running pipeline and by tools at the
/// same time.
///
/// Owner: any thread, and several at once; with files, several processes too.
/// Invariants: a letter is claimed by one at a time. A claim ends with the store object it was made with: what
/// a process that died was replaying is requested again, as soon as anybody opens the store to work on it, or claims. What was
/// done is in the audit, in the same transaction; no line of it is changed or removed. Of a letter that is gone no payload
/// is kept anywhere, also none that was replaced.
/// Failure: nothing of the call has happened; transient if it may succeed later.
class dead_letter_queue : public dead_letter_store {
public:
  /// At most `max` letters behind `after`, in the order of keys and arrival; fewer, but one at least, where
  /// payloads are large (page_bytes). None: there are no more.
  virtual result<std::vector<dead_letter>> select(const dead_letter_filter& filter, std::size_t max,
                                                  const dead_letter_cursor& after = {}) = 0;
  static constexpr std::size_t page_bytes = 4 * 1024 * 1024;

  /// By stage and cause, the most frequent first. Beyond causes_max different ones the rest are counted as
  /// "other causes".
  virtual result<std::vector<dead_letter_count>> histogram(const dead_letter_filter& filter) = 0;
  static constexpr std::size_t causes_max = 100;

  /// Replaces the payload, and keeps the old one with the audit's line; what is mended has not been replayed yet, so its
  /// count begins at 0. Refused (poison) if there is no such letter, or it is being replayed.
  virtual result<void> edit(std::uint64_t id, std::string payload, const done_by& by) = 0;

  /// Asks for the replay of what is kept. Asking twice is asking once.
  virtual result<replay_request> request_replay(const dead_letter_filter& filter,
                                                const replay_terms& terms, const done_by& by) = 0;

  /// Takes that back where it has not begun: what is requested is kept. Returns how many.
  virtual result<std::uint64_t> cancel_replay(const dead_letter_filter& filter,
                                              const done_by& by) = 0;

  /// Takes at most `max` requested letters, in the order of keys and arrival: they are this store object's to
  /// replay, until they are put again, released or replayed.
  virtual result<std::vector<dead_letter>> claim_requested(const dead_letter_filter& filter,
                                                           std::size_t max) = 0;
  /// Gives back what was claimed and not replayed: it is requested as before. Others are left as they are.
  virtual result<void> release(std::span<const std::uint64_t> ids) = 0;
  /// Gives back what was claimed and can't be replayed: it is kept, and not requested any more; `why` goes into
  /// the audit. Others are left as they are.
  virtual result<void> withdraw(std::span<const std::uint64_t> ids, const std::string& why,
                                const done_by& by) = 0;
  /// What was claimed has gone through, and is removed. A letter that was put again meanwhile stays.
  virtual result<void> replayed(std::span<const std::uint64_t> ids, const done_by& by) = 0;

  /// Removes what is not being replayed; returns how many.
  virtual result<std::uint64_t> purge(const dead_letter_filter& filter, const done_by& by) = 0;

  /// Adds a line about something that the store can't see, as an export. Its number and payload are ignored.
  virtual result<void> note(const dead_letter_audit& line) = 0;
  /// At most `max` lines behind number `after`, the oldest first; fewer, but one at least, where payloads are large.
  virtual result<std::vector<dead_letter_audit>> audit(std::uint64_t after, std::size_t max) = 0;

  /// For a tool that works beside the service: another object for the same letters, which is patient with those who
  /// write; null if this one will do. A failure, here or from its `open`, if nothing was ever kept: a tool makes no
  /// store by looking for one. One to look with need not be able to do anything else.
  virtual result<std::shared_ptr<dead_letter_queue>> for_tool(tool_use) {
    return std::shared_ptr<dead_letter_queue>{};
  }

  /// May another process ask for something meanwhile? Then it pays to look from time to time.
  virtual bool outlives_process() const { return true; }
};

/// Shows every letter that the filter lets through, its limit included, page by page; stops at the first
/// failure. Returns how many were shown.
result<std::uint64_t> for_each_letter(dead_letter_queue& queue, const dead_letter_filter& filter,
                                      const std::function<result<void>(const dead_letter&)>& show);

/// "id 7", "ids 1, 2, 3", cut where there are many: for `about`.
std::string ids_text(std::span<const std::uint64_t> ids);
/// "1 letter", "3 letters"
std::string letters_text(std::uint64_t count);
/// "2 letters requested, 1 under way, 3 replayed too often".
std::string to_string(const replay_request& answer);

inline constexpr auto other_causes = "other causes";
/// The outermost message of why it failed: what a histogram counts.
std::string cause_of(const dead_letter& letter);
// The same words in every store.
failure no_letter(std::uint64_t id);
failure letter_in_use(std::uint64_t id);
// The lines of the audit.
dead_letter_audit failed_again(const dead_letter& letter);
dead_letter_audit replay_asked(const dead_letter_filter& filter, const replay_terms& terms,
                               const replay_request& answer, const done_by& by);
dead_letter_audit replay_cancelled(const dead_letter_filter& filter, std::uint64_t letters,
                                   const done_by& by);
dead_letter_audit edited(const dead_letter& before, const std::string& payload, const done_by& by);
dead_letter_audit withdrawn(std::span<const std::uint64_t> ids, std::uint64_t kept,
                            const std::string& why, const done_by& by);
dead_letter_audit gone_through(std::span<const std::uint64_t> ids, std::uint64_t removed,
                               const done_by& by);
dead_letter_audit purged(const dead_letter_filter& filter, std::uint64_t removed,
                         const done_by& by);

/// Gathers a histogram: to be given its counts with the most frequent first.
class dead_letter_tally {
public:
  void add(dead_letter_count one);
  std::vector<dead_letter_count> take() &&;

private:
  std::vector<dead_letter_count> counts_;
};

} // namespace weir
