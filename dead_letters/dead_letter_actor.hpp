#pragma once

#include <weir/actors/actor.hpp>
#include <weir/dead_letters/cause_counts.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/dead_letters/letter_numbers.hpp>
#include <weir/dead_letters/outgoing_letter.hpp>
#include <weir/dead_letters/store_trouble.hpp>
#include <weir/mailbox/acknowledgement.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir {

class runtime;

} // namespace weir

namespace weir::internal {

/// The dead-letter actor of a pipeline: takes dead-lettered items from all workers through one bounded queue, stores
/// them, and only then settles them. On a thread of its own, as stores block.
///
/// Invariants: a letter stays in the queue until it is stored. Letters are stored in the order in which they came.
/// Failure: a store that is full or fails is tried again with back-off, for ever; meanwhile the queue fills and
/// the workers that have something to dead-letter wait. Nothing is dropped. If it ends by a defect of its own, the
/// pipeline can't go on.
class dead_letter_actor final : public actor {
public:
  /// `finished` is called in the last turn; `crash` says why if that is by a defect.
  dead_letter_actor(runtime& node, acknowledgement& books, std::shared_ptr<dead_letter_store> store,
                    std::function<void(std::optional<failure> crash)> finished);

  /// Whom to wake when a letter is stored after which those of its key have to be counted again. Before it is
  /// spawned.
  void set_counts_again(waker& who) noexcept { counts_again_ = &who; }

  // --- any thread ----------------------------------------------------------------------------------

  /// Takes the item over and returns true; or leaves it as it is, and wakes `who` once there is room.
  bool offer(outgoing_letter& item, waker& who);

  /// How many letters of that part, of an item that was read there, the stage has made before.
  std::uint32_t letters_before(const std::string& stage, const resume_point& read_at,
                               std::uint32_t part) {
    return numbers_.next(stage, read_at, part);
  }

  /// The partition was closed: what is read of it again makes the same letters.
  void partition_closed(const std::string& partition) { numbers_.forget(partition); }

  /// The position of letters of no position: another one for each pipeline that was ever started, so that equal
  /// ones of two lives are not taken for one.
  std::uint64_t life() const noexcept { return life_; }

  /// Nothing will be offered any more: finishes when all is stored.
  void close();
  /// Finishes now, whatever is not stored.
  void abort();

  std::size_t waiting() const;
  /// Why the store refused last; empty while it works.
  std::string trouble() const { return trouble_.text(); }
  /// What was stored, by stage and cause, the most frequent first. Beyond dead_letter_queue::causes_max different ones
  /// the rest are counted as other_causes.
  std::vector<dead_letter_count> causes() const;

  activity turn() override;
  void crashed(failure why) noexcept override;
  void behind_last_turn() noexcept override { finished_(std::move(crash_)); }

private:
  /// The first letters of the queue, and who is to be told once they are stored.
  struct parcel {
    std::vector<dead_letter> letters;
    std::vector<letter_sender*> senders;
  };

  void let_go();
  result<void> store(parcel& first);
  activity refused(const failure& why, std::size_t letters);
  void settle(parcel& stored);
  void wake_refused();

  acknowledgement& books_;
  const std::shared_ptr<dead_letter_store> store_;
  const std::function<void(std::optional<failure>)> finished_;
  const std::size_t capacity_; // of queue_; letters
  const std::uint64_t life_;
  waker* counts_again_ = nullptr; // null: there is nobody who counts

  // These have locks of their own.
  letter_numbers numbers_;
  store_trouble trouble_;

  mutable std::mutex lock_; // guards what follows
  std::deque<outgoing_letter> queue_;
  std::vector<waker*> refused_;
  cause_counts causes_;
  bool closed_ = false;
  bool aborted_ = false;

  // The actor's own.
  std::size_t at_once_ = capacity_; // letters offered to the store; fewer after it refused
  std::uint32_t refusals_ = 0;      // of a single letter, in a row
  std::optional<failure> crash_;
};

} // namespace weir::internal
