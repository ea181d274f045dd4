// compiles
#include <weir/weir.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// The control: as many valid edges as one pipeline holds. Were it refused, the refusals of the other files would
/// prove nothing.
namespace shop {

using namespace std::chrono_literals;

struct order {
  std::string customer;
  int amount = 0;
};
std::string weir_payload(const order& one) { return one.customer; }

struct parcel {
  std::unique_ptr<order> content;
};
std::string weir_payload(const parcel& one) { return weir_payload(*one.content); }

struct lines {
  using output = std::string;
  void on_start(weir::context&) {}
  std::string partition() const { return "orders.txt"; }
  std::uint64_t resume_after() const { return 0; }
  weir::result<weir::source_state> poll(weir::intake<std::string>& in, weir::context&) {
    in.put("line");
    in.put("line", 7);
    return weir::source_state::done;
  }
};

weir::result<order> parse(const std::string& line) {
  if (line.empty())
    return weir::poison("an empty line");
  return order{line, 1};
}
int amount_of(const order& one) noexcept { return one.amount; }
bool is_large(const order& one) { return one.amount > 100; }

class totals {
public:
  using input = order;
  using output = order;
  void on_item(const order& one, weir::emitter<order>& out, weir::context& where) {
    sum_ += one.amount;
    out(one);
    where.wake_at(where.now() + 1s);
  }
  void on_timer(weir::emitter<order>& out, weir::context&) { out({"total", sum_}); }
  void on_drain(weir::emitter<order>& out, weir::context&) { out({"total", sum_}); }
  int checkpoint() const { return sum_; }
  void restore(int kept) { sum_ = kept; }

private:
  int sum_ = 0;
};

struct table {
  using input = weir::batch<order>;
  weir::result<void> on_start(weir::context&) { return {}; }
  weir::result<weir::batch_outcome> on_batch(const input&, weir::context& where) {
    (void)where.points();
    return weir::batch_outcome{.filtered = {0}, .rejected = {{1, weir::poison("a bad row")}}};
  }
  weir::result<void> on_drain(weir::context&) { return {}; }
};

struct printer {
  using input = parcel;
  void on_item(const parcel&, weir::context&) {}
};

weir::pipeline orders() {
  weir::pipeline p{
      "orders", {.supervision = {.strategy = weir::rest_for_one, .intensity = 5, .period = 30s}}};
  auto [large, small] =
      p.merge(p.from("first", lines{}), p.from("second", weir::factory{[] { return lines{}; }}))
          .via("parse", parse,
               {.workers = 2, .retry = {.attempts = 4, .delay_min = 50ms, .delay_max = 2s}})
          .key_by(&order::customer, {.lanes = 4})
          .via("total", totals{})
          .via("again", weir::factory{[] { return totals{}; }}, {.mailbox_capacity = 100})
          .merge()
          .via("keep", [](order one) { return std::optional{std::move(one)}; })
          .via("double",
               [](const order& one) {
                 return std::vector{one, one};
               })
          .via("each",
               [](const order& one, weir::emitter<order>& out,
                  weir::context&) -> weir::result<void> {
                 out(one);
                 return {};
               })
          .via("function", std::function<order(const order&)>{[](const order& one) { return one; }})
          .route(is_large, "by-size");
  auto [a, b, c] = std::move(small).broadcast<3>("three-ways");
  std::move(large)
      .batch("batch", {.size_max = 500, .delay_max = 200ms}, is_large)
      .to("store", table{}, {.execution = weir::execution::own_thread});
  std::move(a).via("amount", amount_of).to("amounts", [](const int&) noexcept {});
  std::move(b)
      .via("pack", [](const order& one) { return parcel{std::make_unique<order>(one)}; })
      .via("carry", [](parcel one) noexcept { return one; }, {.rate = {.permits = 500, .per = 1s}})
      .to("print", printer{});
  std::move(c).to("log", [](const order&) -> weir::result<void> { return {}; });
  p.dead_letters_to(weir::dead_letters::memory{});
  return p;
}

} // namespace shop
