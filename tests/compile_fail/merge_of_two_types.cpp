// expects: weir: merge takes flows of one item type
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  p.merge(p.from("numbers", numbers{}), p.from("more", numbers{}).via("half", [](int n) {
     return n / 2.0;
   })).to("sink", [](const int&) {});
}
