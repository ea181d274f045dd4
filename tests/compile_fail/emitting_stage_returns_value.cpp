// expects: weir: a stage function with an emitter returns void or result<void>
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{})
      .via("stage",
           [](int n, weir::emitter<int>& out) {
             out(n);
             return n;
           })
      .to("sink", [](const int&) {});
}
