// Adds up the numbers on standard input, three at a time. What is no number becomes a dead letter.
#include <weir/connectors/files.hpp>
#include <weir/weir.hpp>

#include <charconv>
#include <iostream>
#include <numeric>

weir::result<double> parse(const weir::text_event& line) {
  double number = 0;
  const auto* end = line.text.data() + line.text.size();
  const auto [rest, error] = std::from_chars(line.text.data(), end, number);
  if (rest != end || error != std::errc{})
    return weir::poison("not a number");
  return number;
}

void print(const weir::batch<double>& some) {
  const auto sum = std::accumulate(some.items.begin(), some.items.end(), 0.0);
  std::cout << some.items.size() << " numbers, sum " << sum << '\n';
}

int main(int argc, char** argv) {
  weir::pipeline sums{"sums"};
  sums.from("lines", weir::files::lines{{.path = "-"}})
      .via("parse", parse)
      .batch("batch", {.size_max = 3, .delay_max = std::chrono::milliseconds{200}})
      .to("print", print);
  sums.dead_letters_to(weir::dead_letters::memory{});
  return weir::main(argc, argv, std::move(sums));
}
