// expects: weir: a stage is a function with one signature (not overloaded, not generic), or a class with input, output and on_item
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{}).via("stage", [](auto n) { return n; }).to("sink", [](const int&) {});
}
