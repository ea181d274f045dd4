// expects: weir: this stage's input is not the flow's item type
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

int length(const std::string& text) { return static_cast<int>(text.size()); }

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{}).via("length", length).to("sink", [](const int&) {});
}
