// expects: weir: this sink's input is not the flow's item type
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{}).to("sink", [](const long&) {});
}
