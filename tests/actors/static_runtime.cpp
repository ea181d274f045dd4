#include <weir/actors/runtime.hpp>
#include <weir/pipeline/pipeline.hpp>
#include <weir/pipeline/running_pipeline.hpp>

/// A node in static storage, which ends after main has: the program must exit with 0.
namespace {

weir::runtime node;

struct numbers {
  using output = int;
  int next = 0;

  weir::source_state poll(weir::intake<int>& in, weir::context&) {
    for (; in.room() > 0 && next < 100; ++next)
      in.put(next);
    return next == 100 ? weir::source_state::done : weir::source_state::more;
  }
};

} // namespace

int main() {
  weir::pipeline p{"static"};
  int sum = 0;
  p.from("numbers", numbers{}).to("sum", [&sum](int n) noexcept { sum += n; });
  weir::running_pipeline running{std::move(p), node};
  if (!running.start())
    return 2;
  running.wait();
  return sum == 4950 ? 0 : 1;
}
