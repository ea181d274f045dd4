// expects: weir: a broadcast copies its items, and this type can't be copied
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

struct parcel {
  std::unique_ptr<int> content;
};
std::string weir_payload(const parcel&) { return {}; }
struct parcels {
  using output = parcel;
  weir::source_state poll(weir::intake<parcel>&, weir::context&) {
    return weir::source_state::done;
  }
};

void wire(weir::pipeline& p) {
  auto [a, b] = p.from("parcels", parcels{}).broadcast<2>();
  std::move(a).to("left", [](const parcel&) {});
  std::move(b).to("right", [](const parcel&) {});
}
