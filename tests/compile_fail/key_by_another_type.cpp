// expects: weir: key_by takes a member or a function of the flow's item type
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{})
      .key_by(&std::string::size, {.lanes = 2})
      .via("stage", [](int n) { return n; })
      .to("sink", [](const int&) {});
}
