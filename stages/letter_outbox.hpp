#pragma once

#include <weir/dead_letters/held_keys.hpp>
#include <weir/dead_letters/outgoing_letter.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/waker.hpp>
#include <weir/stages/item_trouble.hpp>
#include <weir/stages/pipeline_services.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/stages/worker_counters.hpp>
#include <weir/supervision/failure.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

namespace weir::internal {

/// The dead letters of one worker, from the failed item to the store.
///
/// A letter waits here until the dead-letter actor takes it over, then it is on its way until it is stored.
/// Owner: the worker's turns; `dead_letter_stored` and `all_stored` are for any thread.
/// Invariants: letters go out in the order they were added. What a letter settles is settled by the dead-letter
/// actor, once it is stored.
/// Failure: `add` may throw for want of memory; then there is no letter.
class letter_outbox final : public letter_sender {
public:
  /// `who` is woken when the dead-letter actor has room again, and when all letters are stored.
  letter_outbox(pipeline_services& services, const std::string& stage, worker_counters& counters,
                waker& who)
      : services_{services}, stage_{stage}, counters_{counters}, who_{who} {}
  letter_outbox(const letter_outbox&) = delete;
  letter_outbox& operator=(const letter_outbox&) = delete;

  /// The item of `where` becomes a dead letter, or what is said here of it. It is handed over before the worker
  /// takes further items. The dead-letter actor lets it go if it was given back meanwhile.
  void add(origin where, std::string payload, const std::type_info& payload_type, failure why,
           const item_trouble& trouble, letter_of what = letter_of::whole_item,
           std::string key = {});
  void add(origin where, item_as_letter item, failure why, const item_trouble& trouble) {
    add(where, std::move(item.payload), item.type, std::move(why), trouble, letter_of::whole_item,
        std::move(item.key));
  }
  /// The last ones that were added in this turn, without a key, are no dead letters after all.
  void take_back(std::size_t letters) noexcept;

  /// Gives the dead-letter actor what it has room for. False if some are left: the worker is woken for them.
  bool hand_over();
  /// How many have not been taken over.
  std::size_t size() const noexcept { return outgoing_.size(); }

  /// Are all of them stored? A stage ends, and lets those behind it end, only then: so the last positions that a
  /// sink stores are behind them. If not, the worker is woken when they are.
  bool all_stored() const noexcept { return on_their_way_.load() == 0; }
  void dead_letter_stored() noexcept override {
    if (on_their_way_.fetch_sub(1) == 1)
      who_.wake();
  }

  // --- a stage with flow::hold_key -----------------------------------------------------------------

  /// The stage's held keys; null without hold_key. Set before the worker is spawned.
  held_keys* keys() const noexcept { return keys_; }
  void set_keys(held_keys* keys) noexcept { keys_ = keys; }

  /// Whom an item of this key has to wait behind, if anybody.
  std::optional<std::string> held_behind(const std::string& key, origin where) const;
  /// Adds an item that has to wait behind another one, `whom`, of its key.
  void hold_behind(const std::string& whom, origin where, item_as_letter item);

private:
  pipeline_services& services_;
  const std::string& stage_;
  worker_counters& counters_;
  waker& who_;
  held_keys* keys_ = nullptr;
  std::vector<outgoing_letter> outgoing_;      // not yet taken over, the oldest first
  std::atomic<std::uint32_t> on_their_way_{0}; // all that are not stored, also those in outgoing_
};

} // namespace weir::internal
