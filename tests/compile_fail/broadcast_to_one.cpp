// expects: weir: a broadcast has at least two flows
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  auto [a] = p.from("numbers", numbers{}).broadcast<1>();
  std::move(a).to("sink", [](const int&) {});
}
