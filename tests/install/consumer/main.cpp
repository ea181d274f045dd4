#include <weir/supervision/failure.hpp>
#include <weir/testkit/stage.hpp>
#include <weir/weir.hpp>

#include <cstdio>

int main() {
  const auto outcome = weir::testkit::run_stage<int>([](int n) { return 2 * n; }, {1, 2});
  if (outcome.outputs != std::vector{2, 4})
    return 1;
  std::puts(weir::poison("an outsider can use weir").message().c_str());
}
