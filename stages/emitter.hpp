#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir::internal {

/// What is wrong with an item that led to more than it may.
inline std::string too_many_outputs(std::size_t outputs_max) {
  return "one item led to more than " + std::to_string(outputs_max)
         + " outputs (stage option outputs_max)";
}

} // namespace weir::internal

namespace weir {

/// Where a stage puts what an item leads to: 0..n outputs, which become visible together when the item is done,
/// and never if it fails.
///
/// Failure: more than `outputs_max` outputs of one item fail that item.
template <class Out>
class emitter {
public:
  emitter(std::vector<Out>& outputs, std::size_t outputs_max)
      : outputs_{outputs}, outputs_max_{outputs_max} {}

  void operator()(Out output) {
    if (outputs_.size() >= outputs_max_)
      throw std::length_error{internal::too_many_outputs(outputs_max_)};
    outputs_.push_back(std::move(output));
  }

private:
  std::vector<Out>& outputs_;
  const std::size_t outputs_max_;
};

} // namespace weir
