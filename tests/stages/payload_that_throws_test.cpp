#include "../running.hpp"

#include <weir/stages/awaitable.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

/// An item that fails, and that can't be kept either: its letter has the cause, and says what became of the payload.
namespace {

using namespace weir_test;
using weir::batch;
using weir::batch_outcome;
using weir::result;

constexpr std::size_t count = 10;
constexpr int bad = 7;
const std::string no_payload = "no payload: weir_payload threw: not UTF-8";

struct thing {
  int n = 0;
};
std::string weir_payload(const thing& one) {
  if (one.n == bad)
    throw std::runtime_error{"not UTF-8"};
  return std::to_string(one.n);
}
result<thing> weir_from_payload(std::type_identity<thing>, std::string_view) { return thing{99}; }

struct unique_thing {
  std::unique_ptr<int> n;
};
std::string weir_payload(const unique_thing& one) { return weir_payload(thing{*one.n}); }

result<thing> refuse(const thing& one) {
  if (one.n == bad)
    return weir::poison("refused");
  return one;
}

class PayloadThatThrows : public testing::Test {
protected:
  static auto things() {
    return counted{count, [](std::size_t n) { return thing{static_cast<int>(n)}; }};
  }
  template <class Stage>
  void survive_in(Stage stage, weir::stage_options options = {}, std::uint64_t restarts = 0) {
    collected<int> out;
    weir::pipeline p{"things", restarting()};
    p.from("things", things())
        .via("stage", std::move(stage), options)
        .to("sink", [out](const thing& one) noexcept { out.add(one.n); });
    p.dead_letters_to(letters_);
    running r{std::move(p)};
    r.finishes();
    EXPECT_EQ(out.items(), up_to(count, [](int n) { return n != bad; }));
    EXPECT_EQ(r.stage("stage").restarts, restarts);
    expect_letter("refused");
  }
  void expect_letter(const std::string& cause) {
    ASSERT_EQ(letters_.letters().size(), 1U);
    const auto letter = letters_.letters().front();
    EXPECT_EQ(letter.why.message(), cause);
    EXPECT_EQ(letter.payload, no_payload);
    EXPECT_EQ(letter.position, bad + 1U);
  }

  weir::dead_letters::memory letters_;
};

TEST_F(PayloadThatThrows, IsSurvivedInAFunction) { survive_in(refuse); }

TEST_F(PayloadThatThrows, IsSurvivedByARestart) {
  survive_in(
      [](const thing& one) {
        if (one.n == bad)
          throw std::runtime_error{"refused"};
        return one;
      },
      {.retry = at_once(2)}, 2);
}

TEST_F(PayloadThatThrows, IsSurvivedBesideOthers) { survive_in(refuse, {.in_flight_max = 3}); }

TEST_F(PayloadThatThrows, IsSurvivedOnAThread) { survive_in(refuse, {.item_time_max = 1h}); }

TEST_F(PayloadThatThrows, IsSurvivedInAStageThatWaits) {
  survive_in([](thing one) -> boost::asio::awaitable<result<thing>> { co_return refuse(one); });
}

TEST_F(PayloadThatThrows, DoesNotMatterToAnItemThatSucceeds) {
  collected<int> out;
  weir::pipeline p{"things", restarting()};
  p.from("things", counted{count,
                           [](std::size_t n) {
                             return unique_thing{std::make_unique<int>(static_cast<int>(n))};
                           }})
      .via("stage", [](unique_thing one) noexcept { return *one.n; }, {.item_time_max = 1h})
      .to("sink", out.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.finishes();
  EXPECT_EQ(out.items(), up_to(count));
}

TEST_F(PayloadThatThrows, IsSurvivedInARowThatASinkRejects) {
  struct rows {
    using input = batch<thing>;
    result<batch_outcome> on_batch(const input& all, weir::context&) {
      batch_outcome outcome;
      for (std::size_t k = 0; k < all.items.size(); ++k)
        if (all.items[k].n == bad)
          outcome.rejected.push_back({k, weir::poison("refused")});
      return outcome;
    }
  };
  for (const auto item_time_max : {0h, 1h}) {
    letters_.clear();
    weir::pipeline p{"things", restarting()};
    p.from("things", things())
        .batch("batch", {.size_max = 4, .delay_max = 1h})
        .to("sink", rows{}, {.item_time_max = item_time_max});
    p.dead_letters_to(letters_);
    running r{std::move(p)};
    r.finishes();
    EXPECT_EQ(r.ledger(), (weir::ledger_totals{
                              .admitted = count, .acknowledged = count - 1, .dead_lettered = 1}));
    EXPECT_EQ(r.stage("sink").restarts, 0U);
    expect_letter("refused");
  }
}

TEST_F(PayloadThatThrows, DoesNotCostTheOthersOfItsBatchTheirs) {
  weir::pipeline p{"things", restarting()};
  p.from("things", things())
      .batch("batch", {.size_max = 10, .delay_max = 1h})
      .to("sink", [](const batch<thing>&) -> result<void> { return weir::poison("no table"); });
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.finishes();
  ASSERT_EQ(letters_.letters().size(), 1U);
  EXPECT_EQ(letters_.letters().front().payload, "0\n1\n2\n3\n4\n5\n6\n" + no_payload + "\n8\n9\n");
}

TEST_F(PayloadThatThrows, IsSurvivedBehindALetterOfItsKey) {
  weir::pipeline p{"things", restarting()};
  p.from("things", things())
      .hold_key([](const thing& one) { return one.n % 2 == 0 ? "even" : "odd"; })
      .to("sink", [](const thing& one) -> result<void> {
        return one.n == 5 ? weir::poison("refused") : result<void>{};
      });
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.finishes();
  ASSERT_EQ(letters_.letters().size(), 3U);
  EXPECT_EQ(letters_.letters()[1].payload, no_payload);
  EXPECT_EQ(letters_.letters()[2].payload, "9");
}

TEST_F(PayloadThatThrows, IsNeverReadBackAsAnItem) {
  const auto kept = weir::internal::kept_payload_of(thing{bad});
  EXPECT_EQ(kept, no_payload);
  const auto read = weir::from_payload<thing>(kept);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message(), "there is no item to read: " + no_payload);
  EXPECT_TRUE(weir::from_payload<thing>("7")) << "others are";
}

} // namespace
