// expects: weir: route takes a predicate of the flow's item type
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  auto [a, b] =
      p.from("numbers", numbers{}).route([](const std::string& text) { return text.empty(); });
  std::move(a).to("left", [](const int&) {});
  std::move(b).to("right", [](const int&) {});
}
