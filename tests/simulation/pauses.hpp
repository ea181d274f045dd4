#pragma once

#include <weir/pipeline/running_pipeline.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace simulation {

/// The stages of a pipeline that are paused, and what they take all the same.
class pauses {
public:
  explicit pauses(weir::running_pipeline& of) : pipeline_{of} {}

  /// False if the pipeline can't be paused any more, or the stage is paused already.
  bool begin(const std::string& stage);
  /// Returns what is wrong: a stage took more than it had in hand. Empty if nothing is.
  std::string end_all();
  bool any() const { return !taken_.empty(); }

private:
  /// How many items its workers have ever taken.
  std::uint64_t taken(const std::string& stage) const;

  weir::running_pipeline& pipeline_;
  std::map<std::string, std::uint64_t> taken_; // by those that are paused, when that began
};

} // namespace simulation
