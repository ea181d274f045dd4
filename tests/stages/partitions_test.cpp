#include "../running.hpp"

#include <weir/stages/settlement.hpp>
#include <weir/stages/sink.hpp>
#include <weir/stages/source.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

/// Sources that open and close their partitions while they run.
namespace {

using namespace weir_test;
using weir::batch;
using weir::context;
using weir::partition_id;
using weir::result;
using weir::settlement;
using state = weir::running_pipeline::state;

/// A source that does what the test says, in its turns. Copies share everything.
class told_source {
public:
  using output = int;
  using order = std::function<void(weir::intake<int>&, context&)>;
  static constexpr bool opens_partitions = true;

  void on_start(context& where) { shared_->waker = &where.source_waker(); }
  weir::source_state poll(weir::intake<int>& in, context& where) {
    for (const auto& one : std::exchange(shared_->orders, {}))
      one(in, where);
    for (auto& one : where.partitions().take_closed())
      shared_->closed.push_back(std::move(one));
    return shared_->ended ? weir::source_state::done : weir::source_state::wait;
  }

  void tell(order what) const {
    shared_->orders.push_back(std::move(what));
    shared_->waker->wake();
  }
  void open(const std::string& name, int items) const {
    tell([=](auto& in, auto& where) {
      const auto opened = where.partitions().open(name);
      ASSERT_TRUE(opened) << opened.error().message();
      for (int n = 1; n <= items; ++n)
        in.put(n, static_cast<std::uint64_t>(n), *opened);
    });
  }
  void close(const std::string& name, weir::clock::duration within) const {
    tell([=](auto&, auto& where) {
      for (const auto id : where.partitions().all())
        if (where.partitions().name(id) == name)
          where.partitions().close(id, where.now() + within);
    });
  }
  void end() const {
    tell([shared = shared_](auto&, auto&) { shared->ended = true; });
  }
  const std::vector<weir::closed_partition>& closed() const { return shared_->closed; }

private:
  struct shared {
    weir::waker* waker = nullptr;
    std::vector<order> orders;
    std::vector<weir::closed_partition> closed;
    bool ended = false;
  };
  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
};

/// A sink of batches that settles when the test says so. Copies share everything.
class told_sink {
public:
  using input = batch<int>;

  void on_batch(const batch<int>& items, settlement token, context&) {
    calls_->push_back({items.items, std::move(token)});
  }

  std::size_t calls() const { return calls_->size(); }
  std::vector<int> items(std::size_t nth) const { return calls_->at(nth).items; }
  settlement of(std::size_t nth) const { return std::move(calls_->at(nth).token); }

private:
  struct call {
    std::vector<int> items;
    settlement token;
  };
  std::shared_ptr<std::deque<call>> calls_ = std::make_shared<std::deque<call>>();
};

class Partitions : public testing::Test {
protected:
  weir::pipeline into_one() {
    weir::pipeline p{"partitions", restarting()};
    p.from("told", source_).batch("batch", at_once_in(2)).to("left", left_, {.in_flight_max = 8});
    p.dead_letters_to(letters_);
    return p;
  }
  weir::pipeline into_two(std::uint32_t size) {
    weir::pipeline p{"partitions", restarting()};
    auto both = p.from("told", source_).batch("batch", at_once_in(size)).template broadcast<2>();
    std::move(both[0]).to("left", left_, {.in_flight_max = 8});
    std::move(both[1]).to("right", right_, {.in_flight_max = 8});
    p.dead_letters_to(letters_);
    return p;
  }
  static weir::batch_options at_once_in(std::uint32_t size) {
    return {.size_max = size, .delay_max = 1ms};
  }
  static weir::batch_outcome refused(std::size_t index) {
    return {.filtered = {}, .rejected = {{index, weir::poison("the row is refused")}}};
  }

  told_source source_;
  told_sink left_;
  told_sink right_;
  weir::dead_letters::memory letters_;
};

TEST_F(Partitions, GiveBackWhatIsInFlightAtTheDeadline) {
  running r{into_one()};
  source_.open("a", 2);
  r.pass(1ms);
  ASSERT_EQ(left_.items(0), (std::vector{1, 2}));
  source_.close("a", 10ms);
  r.pass(9ms);
  EXPECT_EQ(r.ledger().in_flight, 2U);
  EXPECT_TRUE(source_.closed().empty());
  r.pass(1ms);
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{.admitted = 2, .returned = 2}));
  ASSERT_EQ(source_.closed().size(), 1U);
  EXPECT_EQ(source_.closed()[0].settled.position, 0U);
  EXPECT_EQ(source_.closed()[0].returned, 2U);

  source_.open("a", 2);
  r.pass(1ms);
  ASSERT_EQ(left_.calls(), 2U) << "they come again";
  left_.of(0).stored();
  r.settle();
  EXPECT_EQ(r.ledger().acknowledged, 0U) << "that was the first copy's";
  EXPECT_EQ(r->books().late(), 2U);
  left_.of(1).stored();
  source_.end();
  r.finishes();
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{.admitted = 4, .acknowledged = 2, .returned = 2}));
}

TEST_F(Partitions, ARefusedRowThatWasGivenBackIsLateOnlyOnceEveryCopyOfItsBatchHasEnded) {
  for (const bool refused_first : {true, false}) {
    told_sink left;
    told_sink right;
    std::swap(left_, left);
    std::swap(right_, right);
    source_ = {};
    running r{into_two(1)};
    source_.open("a", 1);
    r.pass(1ms);
    source_.close("a", 0ms);
    r.settle();
    EXPECT_EQ(r.ledger().returned, 1U);

    (refused_first ? right_.of(0).stored(refused(0)) : left_.of(0).stored());
    r.settle();
    EXPECT_EQ(r->books().late(), 0U) << "the other copy is on its way";
    (refused_first ? left_.of(0).stored() : right_.of(0).stored(refused(0)));
    r.settle();
    EXPECT_EQ(r->books().late(), 1U);
    EXPECT_TRUE(letters_.letters().empty()) << "the row comes again, and may be refused then";

    source_.end();
    r.finishes();
    EXPECT_EQ(r.ledger(), (weir::ledger_totals{.admitted = 1, .returned = 1}));
  }
}

TEST_F(Partitions, TheLetterOfARowKeepsThoseOfItsBatchThatWereGivenBackApart) {
  running r{into_two(2)};
  source_.open("a", 1);
  source_.open("b", 1);
  r.pass(1ms);
  ASSERT_EQ(left_.items(0).size(), 2U);
  source_.close("a", 0ms);
  r.settle();
  right_.of(0).stored(
      {.filtered = {}, .rejected = {{0, weir::poison("refused")}, {1, weir::poison("refused")}}});
  r.settle();
  EXPECT_EQ(r->books().late(), 0U);
  EXPECT_EQ(r.ledger().in_flight, 1U);
  left_.of(0).stored();
  r.settle();
  EXPECT_EQ(r->books().late(), 1U);
  EXPECT_EQ(letters_.letters().size(), 1U) << "of the partition that is open";
  source_.end();
  r.finishes();
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{.admitted = 2, .dead_lettered = 1, .returned = 1}));
}

} // namespace
