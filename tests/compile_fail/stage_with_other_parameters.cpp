// expects: weir: a stage function takes (item), (item, context&), (item, emitter<Out>&) or (item, emitter<Out>&, context&)
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{})
      .via("stage", [](int a, int b) { return a + b; })
      .to("sink", [](const int&) {});
}
