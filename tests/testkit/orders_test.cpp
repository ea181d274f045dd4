#include <weir/testkit/testkit.hpp>

#include <string>
#include <utility>

#include <gtest/gtest.h>

/// The pipeline between probes of docs/testing.md.
namespace {

using namespace std::chrono_literals;

// [items]
struct order {
  int id = 0;
};
struct row {
  int id = 0;
  int price = 0;
};
std::string weir_payload(const order& one) { return std::to_string(one.id); }
std::string weir_payload(const row& one) { return weir_payload(order{one.id}); }

row price(const order& one) { return {one.id, 100 + one.id}; }
// [items]

// [make_orders]
template <class Source, class Sink>
weir::pipeline make_orders(Source source, Sink sink) {
  weir::pipeline orders{"orders"};
  orders.from("ingest", std::move(source))
      .via("price", price)
      .batch("rows", {.size_max = 500, .delay_max = 200ms})
      .to("store", std::move(sink));
  orders.dead_letters_to(weir::dead_letters::memory{});
  return orders;
}
// [make_orders]

// [probes]
TEST(Orders, SendsABatchWhenItsDelayIsOver) {
  weir::testkit::node node;
  weir::testkit::source_probe<order> in;
  weir::testkit::sink_probe<weir::batch<row>> out;
  node.run(make_orders(in, out));

  in.push(order{1}, order{2});
  node.pass(199ms);
  EXPECT_EQ(out.items().size(), 0U);
  node.pass(1ms);
  EXPECT_EQ(out.take().size(), 1U);
}
// [probes]

} // namespace
