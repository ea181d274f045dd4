// expects: weir: a stage function takes its item by const reference or by value, never by mutable reference: a failed item is run again as it was
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{}).to("sink", [](int& n) { ++n; });
}
