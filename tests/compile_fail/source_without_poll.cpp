// expects: weir: a source has output and poll(intake<output>&, context&), which returns source_state or result<source_state>
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

struct other {
  using output = int;
  int next() { return 0; }
};

void wire(weir::pipeline& p) {
  p.from("numbers", other{}).to("sink", [](const int&) {});
}
