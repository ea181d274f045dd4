#pragma once

#include <weir/supervision/failure.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

/// Where a dead letter is on its way back.
///
/// | state \ event | put again | replay asked for | claimed   | released  | withdrawn | replayed |
/// |---------------|-----------|------------------|-----------|-----------|-----------|----------|
/// | kept          | kept      | requested        | –         | –         | –         | –        |
/// | requested     | kept      | requested        | replaying | –         | –         | –        |
/// | replaying     | kept      | –                | –         | requested | kept      | removed  |
enum class dead_letter_state {
  kept,      ///< nobody works on it
  requested, ///< to be replayed by the pipeline it came from, whenever that runs
  replaying  ///< claimed by a pipeline that runs it now
};

inline constexpr std::array dead_letter_states{
    dead_letter_state::kept, dead_letter_state::requested, dead_letter_state::replaying};

std::string_view to_string(dead_letter_state state) noexcept;

/// An item that could not go on, with all that is needed to understand it and to run it again.
///
/// Pipeline, stage, source, position and part are its identity: a store keeps one letter of each.
struct dead_letter {
  std::string pipeline;
  std::string stage;          ///< the stage that failed it
  std::string source;         ///< the partition it was read from
  std::uint64_t position = 0; ///< where in that partition: a line number, an offset
  std::uint32_t part = 0; ///< which one, where one position yielded several dead letters of a stage
  std::string key{};      ///< what the order of items is kept by, as text; empty if there is none
  std::string payload;    ///< the item as bytes
  std::string payload_type;       ///< the C++ type the payload was made from
  std::uint32_t attempts = 0;     ///< runs, the last included
  std::uint32_t replay_count = 0; ///< how often it was replayed and failed again
  std::chrono::system_clock::time_point first_failed_at;
  std::chrono::system_clock::time_point last_failed_at;
  failure why;            ///< its kind, and the chain of causes
  std::string trace_id{}; ///< of the trace it belongs to; empty if there is none
  std::uint64_t id = 0;   ///< given by the store, in the order of arrival, never twice; 0 before
  dead_letter_state state = dead_letter_state::kept; ///< kept by the store
  /// When its payload was last replaced: then `why` is of one that it has no more. Kept by the store, until it fails again.
  std::optional<std::chrono::system_clock::time_point> edited_at{};
};

/// Where dead letters are kept. `put` is called by one thread at a time, and may block.
class dead_letter_store {
public:
  virtual ~dead_letter_store() = default;

  /// Called once before the first `put`. A failure keeps the pipeline from starting.
  virtual result<void> open() { return {}; }

  /// Keeps all of them durably, or none and says why: then the same letters are offered again later, and the
  /// stages they come from wait. Where a letter of the same identity is kept, the two become one, as
  /// `put_again` says: after a crash, or when it is replayed, the same item may fail again.
  virtual result<void> put(std::span<const dead_letter> letters) = 0;
};

/// What a store keeps of a letter that it has not: times in whole milliseconds, kept, under this id.
dead_letter put_first(dead_letter letter, std::uint64_t id);

/// What a store keeps of a letter, where it has `kept` already and the item failed again: the newer one, but
/// the id, the earlier first failure, and a key or trace that only the older one knows.
///
/// A newer one without attempts has not failed: the item was read again after a crash, and held behind the
/// letters of its key, of which it is one. Then `kept` stays as it is, its state and whoever has claimed it too.
///
/// Attempts count durably. Runs since the kept letter are added: those of a letter that was being replayed, and
/// those that first failed after the kept letter last did. Otherwise the newer one tells of the same runs (a
/// `put` whose answer was lost), and the larger number counts. A letter that fails while it is being replayed
/// has been replayed once more.
dead_letter put_again(const dead_letter& kept, dead_letter again);

} // namespace weir
