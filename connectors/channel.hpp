#pragma once

#include <weir/stages/context.hpp>
#include <weir/stages/partitions.hpp>
#include <weir/stages/source.hpp>
#include <weir/supervision/failure.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace weir {

struct channel_options {
  std::string name = "channel"; ///< the name in positions
  std::size_t capacity = 1024;  ///< items that wait until the pipeline takes them; at least 1
};

/// A source that code pushes into.
///
/// ```
/// weir::channel<order> orders{{.name = "orders"}};
/// shop.from("orders", orders.source()).via(…)…;
/// orders.push(one);                                           // waits for room
/// orders.push(another, [](weir::outcome how) { … });          // is told how it ended
/// orders.close();                                             // the end of the stream
/// ```
///
/// | channel \ event | push, with room | push, full              | the pipeline drains, aborts or goes | close        |
/// |-----------------|-----------------|-------------------------|-------------------------------------|--------------|
/// | open            | taken           | waits; try_push refuses | ended                               | closed       |
/// | closed          | fails           | fails                   | ended                               | –            |
/// | ended           | fails           | fails                   | –                                   | –            |
///
/// It may be pushed into before the pipeline starts. What it has when it is closed still goes into the pipeline. What it
/// has when it ends does not: take_back hands that out. A push that succeeded says that the channel has the item; what
/// became of it is what `told` is for.
///
/// `told` is called at most once, in a turn of the source, so it must not throw and not wait; it may try_push. It is called
/// with the outcome, and with `returned` if the pipeline drained before it took the item. After an abort it is not called
/// for what was not settled by then: that has no outcome. Then it is destroyed, with the pipeline.
///
/// Owner: copies share everything; any thread. Bounded: by the capacity, and by what is in flight in the pipeline.
/// Cost: a push is a lock and a move. What is told costs a node of a map; items that are settled out of order are looked
/// for at most once a millisecond where there are many.
template <class T>
class channel {
  struct shared;
  class pipeline_end;
  class life;

public:
  using told = std::function<void(outcome)>;
  class feed;

  explicit channel(channel_options options = {})
      : shared_{std::make_shared<shared>(std::move(options))} {}

  /// The source, for `pipeline::from`. Once: a channel is for one pipeline. Throws std::logic_error the second time.
  feed source() const {
    const std::lock_guard lock{shared_->lock};
    if (std::exchange(shared_->has_source, true))
      throw std::logic_error{"weir: channel '" + shared_->options.name + "' has a source already"};
    return feed{shared_};
  }

  /// Waits for room. Failure: the channel is closed, or has ended; then the item is still the caller's, as it was. Not on
  /// the thread that gives the pipeline its turns, as in virtual time: there nobody would make room.
  result<void> push(T&& item, told tell = {}) const {
    std::unique_lock lock{shared_->lock};
    shared_->changed.wait(lock, [&] { return shared_->over() || shared_->has_room(); });
    if (shared_->over())
      return fatal("channel '" + shared_->options.name
                   + (shared_->ended ? "': its pipeline has ended" : "' is closed"));
    shared_->add({std::move(item), std::move(tell)});
    return {};
  }
  result<void> push(const T& item, told tell = {}) const requires std::copy_constructible<T> {
    return push(T(item), std::move(tell));
  }

  /// False without room, or where nothing is taken any more; then the item is still the caller's, as it was.
  [[nodiscard]] bool try_push(T&& item, told tell = {}) const {
    const std::lock_guard lock{shared_->lock};
    if (shared_->over() || !shared_->has_room())
      return false;
    shared_->add({std::move(item), std::move(tell)});
    return true;
  }
  [[nodiscard]] bool try_push(const T& item,
                              told tell = {}) const requires std::copy_constructible<T> {
    return try_push(T(item), std::move(tell));
  }

  /// The end of the stream, behind what was pushed. Whoever waits in `push` fails.
  void close() const {
    const std::lock_guard lock{shared_->lock};
    shared_->closed = true;
    shared_->changed.notify_all();
    shared_->wake();
  }
  /// Does it take nothing any more?
  bool over() const {
    const std::lock_guard lock{shared_->lock};
    return shared_->over();
  }

  /// Items that the pipeline has not taken.
  std::size_t waiting() const {
    const std::lock_guard lock{shared_->lock};
    return shared_->waiting.size();
  }
  /// Once it has ended: those items. Nothing while the pipeline may still take them. In a drain, `told` is called for
  /// those that are not taken back before.
  std::vector<T> take_back() const {
    std::deque<entry> left;
    {
      const std::lock_guard lock{shared_->lock};
      if (shared_->ended)
        left.swap(shared_->waiting);
    }
    std::vector<T> items;
    items.reserve(left.size());
    for (auto& one : left)
      items.push_back(std::move(one.item));
    return items;
  }

private:
  struct entry {
    T item;
    told tell;
  };

  struct shared {
    explicit shared(channel_options how) : options{std::move(how)} {}

    bool over() const { return closed || ended; }
    bool has_room() const { return waiting.size() < std::max<std::size_t>(options.capacity, 1); }
    void add(entry one) {
      waiting.push_back(std::move(one));
      if (waiting.size() == 1) // else the source has not said that it waits
        wake();
    }
    void wake() {
      if (source != nullptr)
        source->wake(); // under the lock: the source can't go meanwhile
    }
    void end() {
      const std::lock_guard held{lock};
      ended = true;
      changed.notify_all();
    }

    const channel_options options;
    std::mutex lock;                 // guards what follows
    std::condition_variable changed; // there is room, or it is over
    std::deque<entry> waiting;
    bool has_source = false;
    bool closed = false;
    bool ended = false;
    waker* source = nullptr;

    // In the source's turns, whichever copy of it works.
    std::map<std::uint64_t, told> in_flight; // who is to be told, by position
    time_point look_beyond_at{};             // not earlier, where there are many
  };

  const std::shared_ptr<shared> shared_;
};

/// What a pipeline has of a channel. Copies share everything: one that is started anew goes on where the last one was.
template <class T>
class channel<T>::feed {
public:
  using output = T;
  static constexpr bool keeps_outcomes = true;

  const std::string& partition() const { return shared_->options.name; }
  bool positions_last() const { return false; }

  void on_start(context& where) { life_ = std::make_shared<life>(shared_, where); }

  source_state poll(intake<T>& in, context& where) {
    look(where);
    const auto said = take(in, where.last_position());
    listen(where);
    return said;
  }

  void on_drain(context& where) {
    give_back();
    look(where);
  }

private:
  friend class channel;

  // Up to so many are asked about whenever something was settled.
  static constexpr std::size_t few = 64;
  static constexpr std::chrono::milliseconds look_every{1};
  // What is settled wakes it at once; it needs no turn at a time.
  static constexpr std::chrono::seconds settled_within{1};

  explicit feed(std::shared_ptr<shared> of)
      : shared_{std::move(of)}, end_{std::make_shared<pipeline_end>(shared_)} {}

  source_state take(intake<T>& in, std::uint64_t position) {
    auto& all = *shared_;
    const std::lock_guard lock{all.lock};
    const bool was_full = !all.has_room();
    while (in.room() > 0 && !all.waiting.empty()) {
      auto first = std::move(all.waiting.front());
      all.waiting.pop_front();
      in.put(std::move(first.item));
      ++position;
      if (first.tell)
        all.in_flight.emplace_hint(all.in_flight.end(), position, std::move(first.tell));
    }
    if (was_full && all.has_room())
      all.changed.notify_all();
    if (!all.waiting.empty())
      return source_state::more;
    return all.closed ? source_state::done : source_state::wait;
  }

  /// Is woken when something is settled from now on, if anybody is to be told. Returns up to where all is.
  std::uint64_t listen(context& where) const {
    auto& all = where.partitions();
    all.wake_when_settled(shared_->in_flight.empty() ? 0 : 1, settled_within);
    return all.settled(all.all().front());
  }

  /// Tells what has ended.
  void look(context& where) {
    auto& in_flight = shared_->in_flight;
    const auto prefix = listen(where);
    tell({0, prefix}, where);
    if (in_flight.empty())
      return;
    if (in_flight.size() > few && where.now() < shared_->look_beyond_at)
      return where.wake_at(shared_->look_beyond_at);
    shared_->look_beyond_at = where.now() + look_every;
    const auto& all = where.partitions();
    for (const auto& one : all.point(all.all().front()).beyond)
      tell(one, where);
  }
  void tell(const position_range& settled, context& where) {
    const auto& all = where.partitions();
    auto& in_flight = shared_->in_flight;
    auto one = in_flight.lower_bound(settled.first);
    while (one != in_flight.end() && one->first <= settled.last) {
      const auto how = all.outcome_of(all.all().front(), one->first);
      const auto told_one = std::move(one->second);
      one = in_flight.erase(one); // before: once only, whatever happens
      told_one(how.value());
    }
  }

  /// What the pipeline will not take any more.
  void give_back() {
    std::vector<told> all;
    {
      const std::lock_guard lock{shared_->lock};
      for (auto& one : shared_->waiting)
        if (auto tell = std::exchange(one.tell, {}))
          all.push_back(std::move(tell));
    }
    for (const auto& one : all)
      one(outcome::returned);
  }

  std::shared_ptr<shared> shared_;
  std::shared_ptr<pipeline_end> end_;
  std::shared_ptr<life> life_; // of the copy that works
};

/// The pipeline has gone once it has no copy of the feed any more, also if it never started.
template <class T>
class channel<T>::pipeline_end {
public:
  explicit pipeline_end(std::shared_ptr<shared> of) : shared_{std::move(of)} {}
  pipeline_end(const pipeline_end&) = delete;
  pipeline_end& operator=(const pipeline_end&) = delete;
  ~pipeline_end() {
    shared_->end();
    shared_->in_flight.clear();
    std::vector<told> untold; // destroyed without the lock
    const std::lock_guard lock{shared_->lock};
    for (auto& one : shared_->waiting)
      untold.push_back(std::exchange(one.tell, {}));
  }

private:
  const std::shared_ptr<shared> shared_;
};

/// One life of the source.
template <class T>
class channel<T>::life {
public:
  life(std::shared_ptr<shared> of, const context& where)
      : shared_{std::move(of)}, stopped_{where.stopping(), [all = shared_] { all->end(); }} {
    const std::lock_guard lock{shared_->lock};
    shared_->source = &where.source_waker();
  }
  life(const life&) = delete;
  life& operator=(const life&) = delete;
  ~life() {
    const std::lock_guard lock{shared_->lock};
    shared_->source = nullptr;
  }

private:
  const std::shared_ptr<shared> shared_;
  const std::stop_callback<std::function<void()>> stopped_; // nothing is taken then
};

} // namespace weir
