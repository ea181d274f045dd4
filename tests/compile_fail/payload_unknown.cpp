// expects: weir: an item of this type can't be kept as a dead letter: write `std::string weir_payload(const T&)` in its namespace
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

struct order {
  int number;
};

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{})
      .via("order", [](int n) { return order{n}; })
      .to("sink", [](const order&) -> weir::result<void> { return {}; });
}
