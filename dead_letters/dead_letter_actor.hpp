#pragma once

#include <weir/actors/actor.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/dead_letters/outgoing_letter.hpp>
#include <weir/mailbox/acknowledgement.hpp>
#include <weir/supervision/retry.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace weir {

class runtime;

/// The dead-letter actor of a pipeline: takes dead-lettered items from all workers through one bounded queue, stores
/// them, and only then settles them. On a thread of its own, as stores block.
///
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

  /// Takes the item over and returns true; or leaves it as it is, and wakes `who` once there is room. Any
  /// thread.
  bool offer(outgoing_letter& item, waker& who);

  /// How many letters of that part, of an item that was read there, the stage has made before: equal items of
  /// one position must not be taken for one, in whichever of its workers they fail. Any thread.
  std::uint32_t letters_before(const std::string& stage, const resume_point& read_at,
                               std::uint32_t part);

  /// The position of letters of no position: another one for each pipeline that was ever started, so that equal
  /// ones of two lives are not taken for one.
  std::uint64_t life() const noexcept { return life_; }

  /// Nothing will be offered any more: finishes when all is stored. Any thread.
  void close();
  /// Finishes now, whatever is not stored. Any thread.
  void abort();

  std::size_t waiting() const;
  /// Why the store refused last; empty while it works. Any thread.
  std::string trouble() const;
  /// What was stored, by stage and cause, the most frequent first. Beyond
  /// dead_letter_queue::causes_max different ones the rest are counted as other_causes. Any thread.
  std::vector<dead_letter_count> causes() const;

  activity turn() override;
  void crashed(failure why) noexcept override;
  void ended() noexcept override { finished_(std::move(crash_)); }

private:
  void count(const dead_letter& letter); // requires lock_
  void forget_settled();                 // requires lock_

  runtime& node_;
  acknowledgement& books_;
  const std::shared_ptr<dead_letter_store> store_;
  const std::function<void(std::optional<failure>)> finished_;
  const std::size_t capacity_; // of queue_; letters
  const std::uint64_t life_;
  waker* counts_again_ = nullptr; // null: there is nobody who counts

  mutable std::mutex lock_; // guards what follows
  std::deque<outgoing_letter> queue_;
  std::vector<waker*> refused_;
  std::string trouble_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> causes_; // by stage and cause
  bool closed_ = false;
  bool aborted_ = false;
  // By stage, partition, position and part; of positions in flight, and of what was settled lately.
  std::map<std::tuple<std::string, std::string, std::uint64_t, std::uint32_t>, std::uint32_t>
      letters_made_;
  std::size_t forget_at_ = 1024; // entries

  // The actor's own.
  std::size_t at_once_ = capacity_; // letters offered to the store; fewer after it refused
  std::uint32_t failures_in_a_row_ = 0;
  time_point retry_at_{};
  std::optional<failure> crash_;
};

} // namespace weir
