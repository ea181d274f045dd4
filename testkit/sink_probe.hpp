#pragma once

#include <weir/stages/batch.hpp>
#include <weir/stages/payload.hpp>
#include <weir/stages/sink.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/testkit/wake_list.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir::testkit {

/// A sink that the test looks into, and that takes no more than the test asks for. Copies share everything: one
/// goes into the pipeline, one stays in the test. For pipelines on a testkit::node.
///
/// ```
/// weir::testkit::sink_probe<int> out;
/// ….to("out", out);
/// node.settle();
/// out.expect({1, 2, 3});
/// ```
/// A probe of batches is a sink that settles row by row.
template <class T>
class sink_probe {
public:
  using input = T;

  /// What `request` grants by hand is all it takes; otherwise it takes everything.
  static sink_probe on_request() {
    sink_probe made;
    made.shared_->requested = 0;
    return made;
  }

  /// Takes `count` more items (batches are one each). This is the sink's demand; what runs ahead of it into the
  /// sink's mailbox is bounded by its mailbox_capacity.
  void request(std::size_t count) const {
    shared_->requested += count;
    shared_->workers.wake();
  }
  /// The next runs of items fail so, as many as said: an item is run again, dead-lettered, or whatever its failure leads
  /// to. What was told earlier comes first.
  void fail(failure why, std::size_t times = 1) const {
    for (; times > 0; --times)
      shared_->failures.push_back([why] { return why; });
  }
  /// The next run of an item throws this.
  template <class Thrown>
  void raise(Thrown what) const {
    shared_->failures.push_back([what]() -> failure { throw what; });
  }
  /// The next batch that has such a row is stored without it.
  void reject(std::size_t row, failure why) const requires internal::is_batch<T> {
    shared_->rejected.push_back({row, std::move(why)});
  }

  /// What came since the last call.
  std::vector<T> take() const { return std::exchange(shared_->items, {}); }
  /// Takes what came since the last call, which must be this: else throws std::logic_error, which says what came
  /// instead.
  void expect(const std::vector<T>& items) const requires std::equality_comparable<T> {
    const auto came = take();
    if (came == items)
      return;
    const auto first = std::ranges::mismatch(items, came).in2 - came.begin();
    throw std::logic_error{"expected " + shown(items) + ", found " + shown(came)
                           + "; they differ from item " + std::to_string(first) + " on"};
  }
  /// What came and was not taken by the test.
  const std::vector<T>& items() const { return shared_->items; }
  /// Has the end of the stream come?
  bool completed() const { return shared_->completed; }

  std::size_t demand(context& where) {
    place_.take(shared_->workers, where.source_waker());
    return shared_->requested;
  }
  result<void> on_item(const T& item, context&) requires(!internal::is_batch<T>) {
    if (auto failed = next_failure())
      return std::move(*failed);
    shared_->items.push_back(kept(item));
    took_one();
    return {};
  }
  result<batch_outcome> on_batch(const T& rows, context&) requires internal::is_batch<T> {
    if (auto failed = next_failure())
      return std::move(*failed);
    batch_outcome outcome;
    T stored;
    for (std::size_t row = 0; row < rows.items.size(); ++row) {
      const auto why = std::ranges::find(shared_->rejected, row, &rejected_item::index);
      if (why == shared_->rejected.end()) {
        stored.items.push_back(kept(rows.items[row]));
      } else {
        outcome.rejected.push_back(std::move(*why));
        shared_->rejected.erase(why);
      }
    }
    if (!stored.items.empty())
      shared_->items.push_back(std::move(stored));
    took_one();
    return outcome;
  }
  result<void> on_drain(context&) {
    shared_->completed = true;
    return {};
  }

private:
  static constexpr auto unlimited = std::numeric_limits<std::size_t>::max();

  struct shared {
    std::size_t requested = unlimited;
    std::deque<std::function<failure()>> failures;
    std::vector<rejected_item> rejected;
    std::vector<T> items;
    bool completed = false;
    wake_list workers;
  };

  std::optional<failure> next_failure() const {
    if (shared_->failures.empty())
      return std::nullopt;
    const auto next = std::move(shared_->failures.front());
    shared_->failures.pop_front();
    return next();
  }
  /// "[1, 2, 3]", as payloads are written.
  static std::string shown(const std::vector<T>& items) {
    constexpr std::size_t most = 20;
    std::string text = "[";
    for (std::size_t k = 0; k < std::min(items.size(), most); ++k)
      text += (k == 0 ? "" : ", ") + payload_of(items[k]);
    if (items.size() > most)
      text += ", and " + std::to_string(items.size() - most) + " more";
    return text + "]";
  }
  void took_one() const {
    if (shared_->requested != unlimited)
      --shared_->requested;
  }
  /// What can't be copied is taken out of the mailbox, whose item it is: nobody needs it once the sink has it.
  template <class Item>
  static Item kept(const Item& item) {
    if constexpr (std::copy_constructible<Item>)
      return item;
    else
      return std::move(const_cast<Item&>(item));
  }

  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
  wake_list::place place_;
};

} // namespace weir::testkit
