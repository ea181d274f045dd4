#include "../running.hpp"

#include <functional>
#include <optional>
#include <string>

namespace {

using namespace weir_test;
using weir::context;
using weir::emitter;
using weir::result;

constexpr std::size_t count = 100;

bool even(int n) { return n % 2 == 0; }
int doubled(int n) { return 2 * n; }
int doubled_by_reference(const int& n) noexcept { return 2 * n; }

/// An item that can be moved only.
struct parcel {
  explicit parcel(int what) : number{std::make_unique<int>(what)} {}
  std::unique_ptr<int> number;
};
std::string weir_payload(const parcel& item) { return std::to_string(*item.number); }

/// Every shape of a stage is run in a mailbox of each of these capacities.
class StageShape : public testing::TestWithParam<std::uint32_t> {
protected:
  weir::stage_options options() const {
    return {.mailbox_capacity = GetParam(), .retry = at_once()};
  }

  /// What comes out of a stage that gets 0 … 99.
  template <class F>
  auto through(F function) {
    return through(numbers(count), std::move(function));
  }
  template <class Source, class F>
  auto through(Source source, F function) {
    using Out = typename weir::internal::stage_shape<weir::internal::product_t<F>>::output;
    collected<Out> out;
    weir::pipeline p{"shape", restarting()};
    p.from("source", std::move(source))
        .via("stage", std::move(function), options())
        .to("sink", out.sink(), options());
    p.dead_letters_to(letters_);
    ledger_ = run(std::move(p)).ledger;
    EXPECT_EQ(ledger_.admitted, count);
    return out.items();
  }
  /// The same for a stage of parcels, which can't be collected as they are.
  template <class F>
  std::vector<int> parcels_through(F function) {
    collected<int> out;
    weir::pipeline p{"shape"};
    p.from("source", counted{count, [](std::size_t n) { return parcel{static_cast<int>(n)}; }})
        .via("stage", std::move(function), options())
        .to(
            "sink", [out](const parcel& item) noexcept { out.add(*item.number); }, options());
    p.dead_letters_to(letters_);
    ledger_ = run(std::move(p)).ledger;
    return out.items();
  }

  weir::dead_letters::memory letters_;
  weir::ledger_totals ledger_;
};

INSTANTIATE_TEST_SUITE_P(Capacity, StageShape, testing::Values(1U, 3U, 1024U),
                         testing::PrintToStringParamName());

TEST_P(StageShape, AFunctionOfAnItemIsAStage) {
  EXPECT_EQ(through([](const int& n) { return 2 * n; }), each_of(count, doubled));
  EXPECT_EQ(through([](int n) { return 2 * n; }), each_of(count, doubled));
  EXPECT_EQ(through([](int n) noexcept { return 2 * n; }), each_of(count, doubled));
  EXPECT_EQ(ledger_.acknowledged, count);
}

TEST_P(StageShape, AFunctionPointerIsAStage) {
  EXPECT_EQ(through(doubled), each_of(count, doubled));
  EXPECT_EQ(through(&doubled_by_reference), each_of(count, doubled));
  EXPECT_EQ(through(std::function<int(int)>{doubled}), each_of(count, doubled));
}

TEST_P(StageShape, AFunctionCanAskForItsContext) {
  const auto names = through([](int, context& where) { return where.pipeline() + where.stage(); });
  EXPECT_EQ(names, std::vector<std::string>(count, "shapestage"));
}

TEST_P(StageShape, AFunctionObjectKeepsItsOwnState) {
  EXPECT_EQ(through([sum = 0](int n) mutable noexcept { return sum += n; }),
            each_of(count, [](int n) { return n * (n + 1) / 2; }));
}

TEST_P(StageShape, AResultGoesOnOrIsPoison) {
  const auto out = through([](int n) -> result<int> {
    if (even(n))
      return n;
    return weir::poison("odd");
  });
  EXPECT_EQ(out, up_to(count, even));
  EXPECT_EQ(ledger_.acknowledged, count / 2);
  EXPECT_EQ(ledger_.dead_lettered, count / 2);
}

TEST_P(StageShape, AnOptionalFilters) {
  EXPECT_EQ(through([](int n) { return even(n) ? std::optional{n} : std::nullopt; }),
            up_to(count, even));
  EXPECT_EQ(ledger_.acknowledged, count / 2);
  EXPECT_EQ(ledger_.filtered, count / 2);
}

TEST_P(StageShape, AFilterMayLetNothingThrough) {
  EXPECT_TRUE(through([](int) noexcept { return std::optional<int>{}; }).empty());
  EXPECT_EQ(ledger_.filtered, count);
}

TEST_P(StageShape, AResultOfAnOptionalDoesBoth) {
  const auto out = through([](int n) -> result<std::optional<int>> {
    if (n % 3 == 0)
      return std::optional{n};
    if (n % 3 == 1)
      return std::optional<int>{};
    return weir::poison("two over");
  });
  EXPECT_EQ(out, up_to(count, [](int n) { return n % 3 == 0; }));
  EXPECT_EQ(ledger_.acknowledged, 34U);
  EXPECT_EQ(ledger_.filtered, 33U);
  EXPECT_EQ(ledger_.dead_lettered, 33U);
}

TEST_P(StageShape, AVectorYieldsNoneOrMany) {
  // n % 3 times n: 1 2 2 4 5 5 7 …
  std::vector<int> expected;
  for (int n = 0; n < static_cast<int>(count); ++n)
    expected.insert(expected.end(), static_cast<std::size_t>(n % 3), n);
  EXPECT_EQ(through([](int n) { return std::vector(static_cast<std::size_t>(n % 3), n); }),
            expected);
  EXPECT_EQ(ledger_.acknowledged, 66U) << "an item counts once, however many it leads to";
  EXPECT_EQ(ledger_.filtered, 34U);

  EXPECT_EQ(through([](int n) -> result<std::vector<int>> {
              return std::vector(static_cast<std::size_t>(n % 3), n);
            }),
            expected);
}

TEST_P(StageShape, AnEmitterYieldsNoneOrMany) {
  std::vector<int> expected;
  for (int n = 0; n < static_cast<int>(count); ++n)
    expected.insert(expected.end(), static_cast<std::size_t>(n % 3), n);
  EXPECT_EQ(through([](int n, emitter<int>& out) {
              for (int k = 0; k < n % 3; ++k)
                out(n);
            }),
            expected);
  EXPECT_EQ(ledger_.filtered, 34U);

  const auto out = through([](const int& n, emitter<int>& emit, context&) -> result<void> {
    for (int k = 0; k < n % 3; ++k)
      emit(n);
    if (n % 3 == 2 && n > 50)
      return weir::poison("late");
    return {};
  });
  std::erase_if(expected, [](int n) { return n % 3 == 2 && n > 50; });
  EXPECT_EQ(out, expected) << "what an item emitted before it failed is rolled back";
  EXPECT_EQ(ledger_.dead_lettered, 16U);
}

TEST_P(StageShape, ItemsThatCanOnlyBeMovedPassEveryShape) {
  EXPECT_EQ(parcels_through([](parcel item) noexcept { return item; }), up_to(count));
  EXPECT_EQ(parcels_through([](const parcel& item) { return parcel{*item.number}; }), up_to(count));
  EXPECT_EQ(parcels_through([](parcel item) noexcept {
              return even(*item.number) ? std::optional{std::move(item)} : std::nullopt;
            }),
            up_to(count, even));
  EXPECT_EQ(parcels_through([](const parcel& item) -> result<parcel> {
              if (even(*item.number))
                return parcel{*item.number};
              return weir::poison("odd");
            }),
            up_to(count, even));
  EXPECT_EQ(parcels_through([](const parcel& item) {
              std::vector<parcel> one;
              one.emplace_back(*item.number);
              return one;
            }),
            up_to(count));
  EXPECT_EQ(
      parcels_through([](parcel item, emitter<parcel>& out) noexcept { out(std::move(item)); }),
      up_to(count));
}

/// A stateful stage: the sum so far, behind each item.
struct summing {
  using input = int;
  using output = std::string;

  int sum = 0;

  void on_item(const int& n, emitter<std::string>& out, context&) {
    sum += n;
    out(std::to_string(sum));
  }
  void on_drain(emitter<std::string>& out, context&) { out("in all " + std::to_string(sum)); }
};

std::vector<std::string> sums_from(int start) {
  auto sums = each_of(count, [&](int n) { return std::to_string(start += n); });
  sums.push_back("in all " + std::to_string(start));
  return sums;
}

TEST_P(StageShape, AClassWithStateIsCopiedFromItsPrototype) {
  EXPECT_EQ(through(summing{1000}), sums_from(1000));
  EXPECT_EQ(ledger_.acknowledged, count) << "what is emitted without an item is not counted";
}

TEST_P(StageShape, AClassWithStateIsMadeByAFactory) {
  EXPECT_EQ(through(weir::factory{[] { return summing{7}; }}), sums_from(7));
}

TEST_P(StageShape, AnEmptySourceEndsEveryShape) {
  collected<std::string> out;
  weir::pipeline p{"empty"};
  p.from("source", numbers(0))
      .via("plain", doubled, options())
      .via(
          "optional", [](int n) { return std::optional{n}; }, options())
      .via(
          "vector", [](int n) { return std::vector{n}; }, options())
      .via("state", summing{}, options())
      .batch("batch", {.size_max = 1, .mailbox_capacity = GetParam()})
      .via(
          "unpacked", [](const weir::batch<std::string>& all) { return all.items; }, options())
      .to("sink", out.sink(), options());
  p.dead_letters_to(letters_);
  EXPECT_EQ(run(std::move(p)).ledger, weir::ledger_totals{});
  EXPECT_EQ(out.items(), std::vector<std::string>{"in all 0"});
}

/// Emits the time it was asked for, and notes which of its functions were called.
struct ticking {
  using input = int;
  using output = std::string;

  collected<std::string> calls = {};
  weir::time_point due = {};

  void on_start(context& where) {
    due = where.now() + 1ms;
    where.wake_at(due);
  }
  void on_item(const int&, emitter<std::string>& out, context&) { out("item"); }
  void on_timer(emitter<std::string>& out, context& where) {
    calls.add("timer");
    if (where.now() >= due && due != weir::time_point{}) {
      due = {};
      out("tick");
    }
  }
  void on_drain(emitter<std::string>& out, context&) {
    calls.add("drain");
    for (int k = 0; k < 10; ++k)
      out("end");
  }
};

TEST_P(StageShape, ATimerWakesAStageThatHasNothingToDo) {
  source_probe<int> hand;
  collected<std::string> out;
  weir::pipeline p{"timer"};
  p.from("source", hand).via("stage", ticking{}, options()).to("sink", out.sink(), options());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_EQ(out.size(), 0U);
  r.pass(1ms);
  EXPECT_EQ(out.items(), std::vector<std::string>{"tick"});
  hand.push(1);
  hand.complete();
  r.finishes();
  auto expected = std::vector<std::string>{"tick", "item"};
  expected.insert(expected.end(), 10, "end");
  EXPECT_EQ(out.items(), expected);
  EXPECT_EQ(r.ledger().acknowledged, 1U);
}

TEST_P(StageShape, NothingIsCalledAfterTheDrain) {
  collected<std::string> calls;
  EXPECT_EQ(through(ticking{calls}).back(), "end");
  ASSERT_FALSE(calls.items().empty());
  EXPECT_EQ(calls.items().back(), "drain");
}

} // namespace
