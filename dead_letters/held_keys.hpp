#pragma once

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/waker.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir {

/// How a stage with flow::hold_key holds keys.
struct hold_key_options {
  /// Letters of held keys that may wait in the store: at the bound the stage takes no further item, but for
  /// those that are replayed.
  std::uint64_t held_max = 1000;
};

} // namespace weir

namespace weir::internal {

/// The keys of a stage that have dead letters: their later items are held behind these, in order.
///
/// The letters are in the store; here is only which keys have any, and how many.
/// Owner: any thread. Shared by the workers of the stage, the dead-letter actor and the replay actor.
/// Invariants: a key is held as long as it has a letter, in the store or on its way there. A count of the store only
/// holds if no letter of its key came, or was under way, while it was made.
class held_keys {
public:
  explicit held_keys(hold_key_options options) : options_{options} {}

  // --- the stage -----------------------------------------------------------------------------------

  /// Has no key any letter? It is asked once a slice, so it takes no lock.
  bool empty() const noexcept { return letters_.load(std::memory_order_acquire) == 0; }
  bool full() const noexcept {
    return letters_.load(std::memory_order_acquire) >= options_.held_max;
  }
  /// Wakes `who` once there is room or `who` may go on otherwise; false if there is room now.
  bool call_when_changed(waker& who);

  /// The letter, "source:position", that an item of this key has to wait behind which was read at `read_at`. Empty
  /// if it need not: the key is not held, or the item was read before all letters of it, and is read again.
  std::optional<std::string> held_behind(const std::string& key, const resume_point& read_at) const;
  /// A letter of this key, of an item that was read there, is on its way into the store.
  void add(const std::string& key, const resume_point& read_at);

  // --- the dead-letter actor -----------------------------------------------------------------------

  /// A letter of this key has arrived in the store. True if it was the last one on its way, and somebody has counted in
  /// vain meanwhile or asked to be told.
  bool stored(const std::string& key);

  // --- the pipeline's start ------------------------------------------------------------------------

  /// The store has letters of this key, one at least, whose items were read there, in this order.
  void found(const std::string& key, std::deque<resume_point> letters);

  // --- the replay actor ----------------------------------------------------------------------------

  /// A key that was held when it was seen.
  struct key_state {
    std::string key;
    std::uint64_t changes; ///< letters that were added so far
  };
  /// The keys that are held now.
  std::vector<key_state> all() const;
  /// That key, if it is held now.
  std::optional<key_state> one(const std::string& key) const;
  /// The keys whose last count does not hold, and whose letters have all arrived since.
  std::vector<key_state> counted_in_vain() const;
  /// The store was asked after `seen`, and has `letters` of its key, of which `first` is the first. A key
  /// without letters flows again. It was in vain if a letter is on its way or was added since `seen`.
  void counted(const key_state& seen, std::uint64_t letters, const resume_point& first);
  /// Is a letter of this key still on its way? Then `stored` tells.
  bool tell_when_stored(const std::string& key);

  // --- anybody -------------------------------------------------------------------------------------

  std::uint64_t letters() const noexcept { return letters_.load(std::memory_order_acquire); }
  std::uint64_t keys() const;
  const hold_key_options& options() const noexcept { return options_; }

private:
  struct held_key {
    // Where the items of the letters were read. Where branches meet, the first need not be the earliest.
    std::deque<resume_point> read_at;
    std::uint64_t letters = 0;
    std::uint64_t on_their_way = 0; // of these, not stored yet
    std::uint64_t changes = 0;
    bool counted_in_vain = false;
  };

  template <class Which>
  std::vector<key_state> all(Which which) const;

  const hold_key_options options_;
  std::atomic<std::uint64_t> letters_{0}; // of all keys; written under lock_
  mutable std::mutex lock_;               // guards what follows
  std::unordered_map<std::string, held_key> keys_;
  std::vector<waker*> waiting_;
};

} // namespace weir::internal
