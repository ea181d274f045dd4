// expects: weir: an item that can't be copied must be taken by const reference, or by value in a noexcept function that does not return result
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
  p.from("parcels", parcels{})
      .via("stage", [](parcel one) noexcept -> weir::result<parcel> { return one; })
      .to("sink", [](const parcel&) {});
}
