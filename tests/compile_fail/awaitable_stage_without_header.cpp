// expects: weir: an awaitable stage needs #include <weir/stages/awaitable.hpp>
#include <boost/asio/awaitable.hpp>
#include <weir/weir.hpp>

struct numbers {
  using output = int;
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

boost::asio::awaitable<weir::result<int>> ask(int n) { co_return n; }

void wire(weir::pipeline& p) {
  p.from("numbers", numbers{}).via("ask", ask).to("sink", [](const int&) {});
}
