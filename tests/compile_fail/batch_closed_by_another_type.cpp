// expects: weir: what closes a batch is a predicate of the flow's item type
#include <weir/weir.hpp>

#include <string>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{})
      .batch("batch", {}, [](const std::string& line) { return line.empty(); })
      .to("sink", [](const weir::batch<int>&) {});
}
