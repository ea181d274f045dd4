#pragma once

#include <weir/supervision/flight_recorder.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

/// A flight recorder's file in a folder of its own, and lives of a process that end too early.
class recorder_file {
public:
  recorder_file() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-flight-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path = (folder_ / "flight").string();
  }
  recorder_file(const recorder_file&) = delete;
  recorder_file& operator=(const recorder_file&) = delete;
  ~recorder_file() { std::filesystem::remove_all(folder_); }

  std::string path;

  std::unique_ptr<weir::internal::flight_recorder> open(const std::string& program = "p") const {
    auto opened = weir::internal::flight_recorder::open(path, program);
    if (opened)
      return std::move(*opened);
    ADD_FAILURE() << opened.error().message();
    return nullptr;
  }
  std::string refusal() const {
    const auto opened = weir::internal::flight_recorder::open(path, "p");
    return opened ? "" : opened.error().message();
  }

  /// A process that runs pipeline p: partition "a" and "b", stages "first" and "second" with three slots each, which
  /// are given to `work`; then it dies.
  using hands = std::span<weir::internal::flight_slot>;
  void die(const std::function<void(hands)>& work) const {
    const auto recorder = open();
    const weir::internal::flight_recorder::stage_hands stages[] = {{"first", 3}, {"second", 3}};
    const std::string partitions[] = {"a", "b"};
    auto slots = recorder->add("p", stages, partitions);
    ASSERT_TRUE(slots) << slots.error().message();
    ASSERT_EQ(slots->size(), 6U);
    work(*slots);
  }

  /// A process that reads partitions "a" and "b" at both stages from `resume_after` on, settles partition "a" up to `settled`,
  /// and ends by itself.
  void end_after(std::uint64_t settled, void (weir::internal::flight_recorder::*end)(),
                 std::uint64_t resume_after = 0) const {
    const auto recorder = open();
    for (const auto* stage : {"first", "second"})
      for (const auto* partition : {"a", "b"})
        recorder->suspects().watch(weir::internal::flight_key("p", stage),
                                   weir::internal::flight_key("p", partition), resume_after);
    recorder->suspects().settled(weir::internal::flight_key("p", "a"), settled);
    (recorder.get()->*end)();
  }

  std::string bytes() const {
    std::ifstream from{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{from}, {}};
  }
  void write(const std::string& bytes) const {
    std::ofstream{path, std::ios::binary | std::ios::trunc} << bytes;
  }

private:
  std::filesystem::path folder_;
};
