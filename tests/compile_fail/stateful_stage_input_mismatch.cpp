// expects: weir: this stage's input is not the flow's item type
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

struct stage {
  using input = long;
  using output = int;
  void on_item(const long&, weir::emitter<int>&, weir::context&) {}
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{}).via("stage", stage{}).to("sink", [](const int&) {});
}
