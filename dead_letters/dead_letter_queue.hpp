#pragma once

#include <weir/dead_letters/dead_letter.hpp>
#include <weir/dead_letters/dead_letter_audit.hpp>
#include <weir/dead_letters/dead_letter_filter.hpp>
#include <weir/dead_letters/dead_letter_histogram.hpp>
#include <weir/dead_letters/dead_letter_words.hpp>
#include <weir/dead_letters/replay_request.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weir {

/// Behind which letter a page begins, in the order of keys and, within a key, of arrival.
struct dead_letter_cursor {
  std::string key{};
  std::uint64_t id = 0;
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
/// a process that died was replaying is requested again, as soon as anybody opens the store to work on it, or
/// claims. What was done is in the audit, in the same transaction; no line of it is changed or removed. Of a letter
/// that is gone no payload is kept anywhere, also none that was replaced.
/// Failure: nothing of the call has happened; transient if it may succeed later.
class dead_letter_queue : public dead_letter_store {
public:
  /// Reads at most `max` letters behind `after`, in the order of keys and arrival; fewer, but one at least, where
  /// payloads are large (page_bytes). None: there are no more.
  virtual result<std::vector<dead_letter>> select(const dead_letter_filter& filter, std::size_t max,
                                                  const dead_letter_cursor& after = {}) = 0;
  static constexpr std::size_t page_bytes = 4 * 1024 * 1024;

  /// Counts letters by stage and cause, the most frequent first. Beyond causes_max different ones the rest are
  /// counted as "other causes".
  virtual result<std::vector<dead_letter_count>> histogram(const dead_letter_filter& filter) = 0;
  static constexpr std::size_t causes_max = dead_letter_tally::causes_max;

  /// Replaces the payload, and keeps the old one with the audit's line; what is mended has not been replayed yet, so its
  /// count begins at 0. Refused (poison) if there is no such letter, or it is being replayed.
  virtual result<void> edit(std::uint64_t id, std::string payload, const done_by& by) = 0;

  /// Asks for the replay of what is kept. Asking twice is asking once.
  virtual result<replay_request> request_replay(const dead_letter_filter& filter,
                                                const replay_terms& terms, const done_by& by) = 0;

  /// Takes back what was asked for where it has not begun: what is requested is kept. Returns how many.
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
  /// Removes what was claimed and has gone through. A letter that was put again meanwhile stays.
  virtual result<void> replayed(std::span<const std::uint64_t> ids, const done_by& by) = 0;

  /// Removes what is not being replayed; returns how many.
  virtual result<std::uint64_t> purge(const dead_letter_filter& filter, const done_by& by) = 0;

  /// Adds a line about something that the store can't see, as an export. Its number and payload are ignored.
  virtual result<void> note(const dead_letter_audit& line) = 0;
  /// Reads at most `max` lines of the audit behind number `after`, the oldest first; fewer, but one at least, where
  /// payloads are large.
  virtual result<std::vector<dead_letter_audit>> audit(std::uint64_t after, std::size_t max) = 0;

  /// Makes another object for the same letters, for a tool that works beside the service: it is patient with those who
  /// write. Null if this object will do. It fails, here or in its `open`, if nothing was ever kept: a tool makes no
  /// store by looking for one. An object to look with need not be able to do anything else.
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

} // namespace weir
