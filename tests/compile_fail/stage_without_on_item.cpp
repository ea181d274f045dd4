// expects: weir: a stage is a function with one signature (not overloaded, not generic), or a class with input, output and on_item
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

struct stage {
  using input = int;
  using output = int;
  void on_event(const int&, weir::emitter<int>&, weir::context&) {}
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{}).via("stage", stage{}).to("sink", [](const int&) {});
}
