// expects: weir: a sink is a function of one item, or a class with input and on_item or on_batch
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{}).to("sink", [](const auto&) {});
}
