// expects: weir: a stage must return something to go on with; a function that ends the flow goes to to()
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{}).via("stage", [](int) {}).to("sink", [](const int&) {});
}
