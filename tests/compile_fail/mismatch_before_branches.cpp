// expects: weir: this stage's input is not the flow's item type
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

// What follows the wrong edge must not add errors of its own.
void wire(weir::pipeline& p) {
  auto [a, b] =
      p.from("numbers", numbers{}).via("stage", [](double n) { return n; }).broadcast<2>();
  auto [c, d] = std::move(a).route([](const double& n) { return n > 0; });
  p.merge(std::move(b), std::move(c), std::move(d)).to("sink", [](const double&) {});
}
