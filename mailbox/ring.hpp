#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/require.hpp>
#include <weir/mailbox/waker.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

/// The bounded queue of one edge: a ring between one producer and one consumer.
///
/// Its free space is its producer's credit. A mailbox is the set of rings that lead to one worker.
///
/// Owner: one thread at a time is the producer, one thread at a time the consumer; a hand-over to another
/// thread must happen through something that synchronises (an actor's next turn, a join).
/// Invariants: 0 <= published - released <= capacity. What is written beyond the published cursor is invisible
/// to the consumer; what is read beyond the released cursor stays in its slot. So a slice of work is either
/// committed (publish + release) or, if it is rolled back, never happened.
/// Sleeping: who finds nothing to do announces it, looks once more, and only then stops; who changes the ring
/// afterwards sees the announcement and wakes it. tests/model/ checks this protocol exhaustively.
namespace weir::internal {

class ring_base {
public:
  static constexpr std::size_t capacity_max = std::size_t{1} << 20U;

  /// Throws std::invalid_argument unless 1 <= capacity <= capacity_max.
  explicit ring_base(std::size_t capacity);
  ring_base(const ring_base&) = delete;
  ring_base& operator=(const ring_base&) = delete;
  virtual ~ring_base() = default;

  std::size_t capacity() const noexcept { return capacity_; }

  /// Whom a change of the other side wakes. To be set before the first item.
  void set_producer(waker* who) noexcept { producer_ = who; }
  void set_consumer(waker* who) noexcept { consumer_ = who; }

  // --- the producer's side -------------------------------------------------------------------------

  /// Items that may be written and published now. Looks at the consumer's cursor only when the last look
  /// doesn't show `wanted`. Whoever waits for credit must go on with a single item of it: `producer_may_go_on`
  /// promises no more, and who waits for more would go round in circles.
  std::size_t credit(std::size_t wanted) noexcept {
    const auto published = published_.load(std::memory_order_relaxed);
    auto free = capacity_ - (published - released_seen_);
    if (free < wanted) {
      released_seen_ = released_.load(std::memory_order_acquire);
      free = capacity_ - (published - released_seen_);
    }
    return free;
  }

  /// The absolute index of the first slot that is not published.
  std::size_t write_index() const noexcept { return published_.load(std::memory_order_relaxed); }

  /// Makes the next `count` slots, already written, visible. Requires count <= credit.
  void publish(std::size_t count) noexcept {
    const auto published = published_.load(std::memory_order_relaxed);
    require(count <= capacity_ - (published - released_seen_) || count <= free_now(),
            "ring: no more items may be published than there is credit for");
    published_.store(published + count, std::memory_order_seq_cst);
    wake_consumer();
  }

  /// No item will follow. Needs no credit. May be called once more without effect.
  void close() noexcept {
    closed_.store(true, std::memory_order_seq_cst);
    wake_consumer();
  }

  /// The consumer is gone for good: nothing more needs to be written.
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_seq_cst); }

  /// Announces that the producer is about to sleep for want of credit: until half the capacity is free, or `wanted`
  /// slots are. It must then ask `producer_may_go_on` of every ring it waits for, and sleep only if all say no.
  void announce_producer_waiting(std::size_t wanted = 0) noexcept {
    wake_threshold_.store(wanted == 0 ? half() : std::min(wanted, capacity_),
                          std::memory_order_relaxed);
    producer_waiting_.store(true, std::memory_order_seq_cst);
  }
  void withdraw_producer_waiting() noexcept {
    producer_waiting_.store(false, std::memory_order_relaxed);
  }
  bool producer_may_go_on() const noexcept { return cancelled() || free_now() >= wake_threshold(); }

  // --- the consumer's side -------------------------------------------------------------------------

  /// Items that are published and not released. Looks at the producer's cursor only when the last look showed
  /// nothing beyond `index`.
  std::size_t available(std::size_t wanted = 1) noexcept {
    const auto released = released_.load(std::memory_order_relaxed);
    auto there = published_seen_ - released;
    if (there < wanted) {
      published_seen_ = published_.load(std::memory_order_acquire);
      there = published_seen_ - released;
    }
    return there;
  }

  /// The absolute index of the oldest item.
  std::size_t read_index() const noexcept { return released_.load(std::memory_order_relaxed); }

  /// True if nothing is left and nothing will come.
  bool drained() const noexcept {
    // In this order: an item published before the close is seen after it.
    const bool closed = closed_.load(std::memory_order_seq_cst);
    return closed && unreleased() == 0;
  }

  /// The consumer goes away for good. What is left stays in the ring. No worker does so: it leaves its mailbox only
  /// with the end of the stream, or when all workers of its pipeline are told to. It is for a ring alone.
  void cancel() noexcept {
    cancelled_.store(true, std::memory_order_seq_cst);
    // The producer is woken even if it doesn't wait for credit: a stage that waits for input must hear it too.
    if (producer_ != nullptr)
      producer_->wake();
  }

  /// Announces that the consumer is about to sleep for want of items. It must announce so on every ring that isn't
  /// drained, then ask `consumer_may_go_on` of each of them, and sleep only if all say no.
  void announce_consumer_waiting() noexcept {
    consumer_waiting_.store(true, std::memory_order_seq_cst);
  }
  void withdraw_consumer_waiting() noexcept {
    consumer_waiting_.store(false, std::memory_order_relaxed);
  }
  /// `taken` items at the front are being worked on already and don't count.
  bool consumer_may_go_on(std::size_t taken = 0) const noexcept {
    return closed() || unreleased() > taken;
  }
  bool closed() const noexcept { return closed_.load(std::memory_order_seq_cst); }

  // --- anybody -------------------------------------------------------------------------------------

  /// Has its producer announced that it waits for credit, and does it still?
  bool producer_waits() const noexcept {
    return producer_waiting_.load(std::memory_order_relaxed) && !producer_may_go_on();
  }
  /// Items between the two cursors; a moment's value.
  std::size_t size() const noexcept {
    const auto released = released_.load(std::memory_order_acquire);
    return std::min(capacity_, published_.load(std::memory_order_acquire) - released);
  }

protected:
  /// Requires count <= available. Looks at the producer's cursor only when the last look doesn't show so many.
  void require_available(std::size_t count) const noexcept {
    const auto released = released_.load(std::memory_order_relaxed);
    require(count <= published_seen_ - released || count <= unreleased(),
            "ring: no more items may be released than are available");
  }

  /// Gives the credit of the oldest `count` slots back. Their items must be destroyed already.
  void release_slots(std::size_t count) noexcept {
    const auto released = released_.load(std::memory_order_relaxed) + count;
    released_.store(released, std::memory_order_seq_cst);
    if (producer_waiting_.load(std::memory_order_seq_cst) && free_now() >= wake_threshold()
        && producer_waiting_.exchange(false, std::memory_order_seq_cst) && producer_ != nullptr)
      producer_->wake();
  }

private:
  /// A producer that was out of credit gets a slice's worth of it, not one item at a time.
  std::size_t half() const noexcept { return std::max<std::size_t>(1, capacity_ / 2); }
  std::size_t wake_threshold() const noexcept {
    return wake_threshold_.load(std::memory_order_relaxed);
  }
  std::size_t unreleased() const noexcept {
    const auto released = released_.load(std::memory_order_seq_cst);
    return published_.load(std::memory_order_seq_cst) - released;
  }
  std::size_t free_now() const noexcept { return capacity_ - unreleased(); }
  void wake_consumer() noexcept {
    if (consumer_waiting_.load(std::memory_order_seq_cst)
        && consumer_waiting_.exchange(false, std::memory_order_seq_cst) && consumer_ != nullptr)
      consumer_->wake();
  }

  // The sides lie two cache lines apart, so that the adjacent-line prefetcher does not tie them together.
  static constexpr std::size_t apart = 128; // bytes

  // These are constant once the ring is wired.
  const std::size_t capacity_;
  waker* producer_ = nullptr;
  waker* consumer_ = nullptr;

  // These are written by the consumer.
  alignas(apart) std::atomic<std::size_t> released_{0};
  std::size_t published_seen_ = 0;

  // These are written by the producer.
  alignas(apart) std::atomic<std::size_t> published_{0};
  std::size_t released_seen_ = 0;

  // These are read by both once a slice, and written only around sleeping and at the end.
  alignas(apart) std::atomic<bool> consumer_waiting_{false};
  std::atomic<bool> producer_waiting_{false};
  std::atomic<std::size_t> wake_threshold_{1}; // free slots
  std::atomic<bool> closed_{false};
  std::atomic<bool> cancelled_{false};
};

inline ring_base::ring_base(std::size_t capacity) : capacity_{capacity}, wake_threshold_{half()} {
  if (capacity == 0 || capacity > capacity_max)
    throw std::invalid_argument{"weir: the capacity of a ring must be 1 to "
                                + std::to_string(capacity_max) + ", not "
                                + std::to_string(capacity)};
}

/// The typed slots of a ring: values and their origins, in two arrays, so that a slice is two plain loops.
template <class T>
class ring final : public ring_base {
public:
  explicit ring(std::size_t capacity)
      : ring_base{capacity},
        mask_{std::bit_ceil(capacity) - 1},
        origins_{std::make_unique<origin[]>(mask_ + 1)},
        values_{static_cast<T*>(
            ::operator new (sizeof(T) * (mask_ + 1), std::align_val_t{alignment}))} {}

  ~ring() override {
    const auto end = write_index();
    for (auto index = read_index(); index != end; ++index)
      std::destroy_at(value(index));
    ::operator delete (static_cast<void*>(values_), std::align_val_t{alignment});
  }

  /// The slot of an absolute index: raw memory beyond the published cursor, a value before it.
  T* value(std::size_t index) noexcept { return values_ + (index & mask_); }
  origin& from(std::size_t index) noexcept { return origins_[index & mask_]; }

  /// How many slots from `index` on lie side by side in memory.
  std::size_t contiguous(std::size_t index) const noexcept { return mask_ + 1 - (index & mask_); }

  /// Destroys the oldest `count` items and gives their credit back. Requires count <= available.
  void release(std::size_t count) noexcept {
    require_available(count);
    if constexpr (!std::is_trivially_destructible_v<T>) {
      const auto first = read_index();
      for (std::size_t k = 0; k < count; ++k)
        std::destroy_at(value(first + k));
    }
    release_slots(count);
  }

  /// Publishes one item, or hands it back if there is no credit or the consumer is gone.
  std::optional<T> try_push(T item, origin where = {}) {
    if (cancelled() || credit(1) == 0)
      return item;
    const auto index = write_index();
    std::construct_at(value(index), std::move(item));
    from(index) = where;
    publish(1);
    return std::nullopt;
  }

  /// Takes the oldest item, if there is one.
  std::optional<T> try_pop() {
    if (available() == 0)
      return std::nullopt;
    std::optional<T> item{std::move(*value(read_index()))};
    release(1);
    return item;
  }

private:
  static constexpr std::size_t alignment = std::max<std::size_t>(alignof(T), 64);

  const std::size_t mask_;
  const std::unique_ptr<origin[]> origins_;
  T* const values_; // the last that may fail to be made: nobody else frees it
};

} // namespace weir::internal
