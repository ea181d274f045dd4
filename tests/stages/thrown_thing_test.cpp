#include "../running.hpp"

#include <exception>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>

namespace {

using namespace weir_test;

constexpr std::size_t count = 20;
constexpr int bad = 7;

struct odd_thing {};
enum class odd_number { seven };

[[noreturn]] void throw_nested() {
  try {
    try {
      throw std::runtime_error{"no route to host"};
    } catch (...) {
      std::throw_with_nested(std::runtime_error{"can't ask the service"});
    }
  } catch (...) {
    std::throw_with_nested(std::logic_error{"can't enrich"});
  }
}
[[noreturn]] void throw_nested_often(int depth) {
  if (depth == 0)
    throw std::runtime_error{"root"};
  try {
    throw_nested_often(depth - 1);
  } catch (...) {
    std::throw_with_nested(std::runtime_error{"layer " + std::to_string(depth)});
  }
}
/// An exception that claims a cause and has none, as std::throw_with_nested makes it outside a catch clause.
struct without_cause : std::runtime_error, std::nested_exception {
  without_cause() : std::runtime_error{"alone"} {}
};
/// Nothing says that what() is a string.
struct speechless : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

struct thing {
  const char* name;
  std::function<void()> thrown;
  std::vector<std::string> chain; ///< what must be said about it; empty: anything
};

const std::vector<thing> things{
    {"StandardException", [] { throw std::runtime_error{"boom"}; }, {"boom"}},
    {"PlainException", [] { throw std::exception{}; }, {"std::exception"}},
    {"Int", [] { throw 42; }, {"threw an int: 42"}},
    {"BadAlloc", [] { throw std::bad_alloc{}; }, {"out of memory (std::bad_alloc)"}},
    {"Literal", [] { throw "a literal"; }, {"threw a string: a literal"}},
    {"NullPointer", [] { throw static_cast<const char*>(nullptr); }, {}},
    {"String", [] { throw std::string{"a string"}; }, {"threw a std::string: a string"}},
    {"Struct", [] { throw odd_thing{}; }, {"threw (anonymous namespace)::odd_thing"}},
    {"Enum", [] { throw odd_number::seven; }, {"threw (anonymous namespace)::odd_number"}},
    {"Nested", throw_nested, {"can't enrich", "can't ask the service", "no route to host"}},
    {"NestedHundredTimes", [] { throw_nested_often(100); }, {}},
    {"NestedWithoutCause", [] { throw without_cause{}; }, {"alone"}},
    {"WhatIsNull", [] { throw speechless{}; }, {}},
    {"WhatIsEmpty", [] { throw std::runtime_error{""}; }, {""}},
    {"WhatIsTenMegabytes", [] { throw std::runtime_error{std::string(10'000'000, 'x')}; }, {}},
};

class ThrownThing : public testing::TestWithParam<thing> {
protected:
  /// The bad item is dead-lettered with the cause, every other one gets through, in order, once.
  void expect_survived(const weir::pipeline_snapshot& done, const std::vector<int>& out,
                       const std::string& stage) {
    EXPECT_EQ(out, up_to(count, [](int n) { return n != bad; }));
    EXPECT_EQ(done.ledger, (weir::ledger_totals{
                               .admitted = count, .acknowledged = count - 1, .dead_lettered = 1}));
    ASSERT_EQ(letters_.letters().size(), 1U);
    const auto letter = letters_.letters().front();
    EXPECT_EQ(letter.stage, stage);
    EXPECT_EQ(letter.payload, "7");
    EXPECT_EQ(letter.attempts, 2U);
    EXPECT_EQ(letter.why.kind, weir::failure_kind::fatal);
    if (!GetParam().chain.empty()) {
      EXPECT_EQ(letter.why.chain, GetParam().chain);
    }
    EXPECT_FALSE(letter.why.chain.empty());
    EXPECT_LE(letter.why.chain.size(), weir::internal::failure_chain_max);
    for (const auto& one : letter.why.chain)
      EXPECT_LE(one.size(), weir::internal::failure_message_max + 100);
    for (const auto& one : done.stages) {
      EXPECT_EQ(one.restarts, one.stage == stage ? 2U : 0U) << one.stage;
      EXPECT_EQ(one.dead_lettered, one.stage == stage ? 1U : 0U) << one.stage;
    }
  }
  /// Adds a stage that throws it, with its own way of taking items.
  template <class Stage>
  void survive_in(Stage stage) {
    collected<int> out;
    weir::pipeline p{"throwing", restarting()};
    p.from("numbers", numbers(count))
        .via("stage", std::move(stage), {.retry = at_once(2)})
        .to("sink", out.sink());
    p.dead_letters_to(letters_);
    const auto done = run(std::move(p));
    expect_survived(done, out.items(), "stage");
  }

  weir::dead_letters::memory letters_;
};

INSTANTIATE_TEST_SUITE_P(Kind, ThrownThing, testing::ValuesIn(things),
                         [](const auto& each) { return std::string{each.param.name}; });

TEST_P(ThrownThing, IsSurvivedByAFunction) {
  survive_in([thrown = GetParam().thrown](int n) {
    if (n == bad)
      thrown();
    return n;
  });
}

TEST_P(ThrownThing, IsSurvivedByAFunctionThatEmits) {
  survive_in([thrown = GetParam().thrown](const int& n, weir::emitter<int>& out) {
    out(n);
    if (n == bad)
      thrown();
  });
}

struct throwing {
  using input = int;
  using output = int;
  std::function<void()> thrown;
  void on_item(const int& n, weir::emitter<int>& out, weir::context&) {
    out(n);
    if (n == bad)
      thrown();
  }
};
struct recoverable_throwing : throwing {
  int checkpoint() const { return 0; }
  void restore(int) {}
};

TEST_P(ThrownThing, IsSurvivedByAClassWithState) { survive_in(throwing{GetParam().thrown}); }

TEST_P(ThrownThing, IsSurvivedByARecoverableClass) {
  survive_in(recoverable_throwing{{GetParam().thrown}});
}

TEST_P(ThrownThing, IsSurvivedByASink) {
  collected<int> out;
  weir::pipeline p{"throwing", restarting()};
  p.from("numbers", numbers(count))
      .to("sink",
          [out, thrown = GetParam().thrown](const int& n) {
            if (n == bad)
              thrown();
            out.add(n);
          },
          {.retry = at_once(2)});
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  expect_survived(done, out.items(), "sink");
}

TEST_P(ThrownThing, IsSurvivedByARoute) {
  collected<int> out;
  weir::pipeline p{"throwing", restarting()};
  auto [yes, no] =
      p.from("numbers", numbers(count)).route([thrown = GetParam().thrown](const int& n) {
        if (n == bad)
          thrown();
        return true;
      });
  std::move(yes).to("sink", out.sink());
  std::move(no).to("nothing", [](const int&) noexcept {});
  p.dead_letters_to(letters_);
  run(std::move(p));
  EXPECT_EQ(out.items(), up_to(count, [](int n) { return n != bad; }));
  EXPECT_EQ(letters_.letters().size(), 1U);
}

TEST_P(ThrownThing, IsSurvivedByAFactory) {
  // The first two instances can't be made.
  collected<int> out;
  auto made = std::make_shared<std::atomic<int>>(0);
  weir::pipeline p{"throwing", restarting()};
  p.from("numbers", numbers(count))
      .via("stage", weir::factory{[made, thrown = GetParam().thrown] {
             if (++*made < 3)
               thrown();
             return throwing{[] {}};
           }})
      .to("sink", out.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.finishes();
  EXPECT_EQ(out.items(), up_to(count));
  EXPECT_EQ(r.stage("stage").restarts, 2U);
}

} // namespace
