// expects: weir: this stage's input is not the flow's item type
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

// An int would convert to a double. Edges match exactly all the same.
void wire(weir::pipeline& p) {
  p.from("numbers", numbers{})
      .via("half", [](double n) { return n / 2; })
      .to("sink", [](const double&) {});
}
