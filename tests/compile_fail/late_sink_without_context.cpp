// expects: weir: a sink that settles later has on_item(const input&, settlement, context&)
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

struct sink {
  using input = int;
  void on_item(const int&, weir::settlement) {}
};

void wire(weir::pipeline& p) { p.from("numbers", numbers{}).to("sink", sink{}); }
