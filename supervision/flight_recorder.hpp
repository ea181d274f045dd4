#pragma once

#include <weir/supervision/autopsy.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/supervision/flight_name.hpp>
#include <weir/supervision/flight_slot.hpp>
#include <weir/supervision/past_life.hpp>
#include <weir/supervision/stage_hands.hpp>
#include <weir/supervision/suspects.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::internal {

namespace flight_file {
struct section;
}

/// The flight recorder: a small file, mapped into memory, that says which items were in hand, so that the next
/// process knows when this one dies. The page cache keeps what was stored, whatever kills the process.
///
/// The file is made anew in each life, from what the last one left: first all that is known of the dead, then a
/// section for each pipeline with its names and slots, and more sections for names that it learns while it runs. A
/// pipeline that is restarted within the process takes its sections again. docs/flight-recorder.md has the format.
/// Owner: one process, which holds a lock on the file. `open` and `end` belong to one thread; slots each to who works
/// with them; the rest to any.
/// Failure: whatever is wrong with an older file is said in `last_life().remarks`, and the file is begun
/// anew; what can't be used at all, or is somebody else's, is refused with a reason.
class flight_recorder {
public:
  using life = past_life;
  using stage_hands = weir::internal::stage_hands;
  using autopsy = weir::internal::autopsy;

  /// Deaths with an item in hand after which it is dead-lettered, where its stage would try without end.
  static constexpr std::uint32_t deaths_max = 3;

  /// Opens the file, and begins it anew for this life. `program` says whose file it is.
  static result<std::unique_ptr<flight_recorder>> open(const std::string& path,
                                                       const std::string& program);
  flight_recorder(const flight_recorder&) = delete;
  flight_recorder& operator=(const flight_recorder&) = delete;
  ~flight_recorder();

  const life& last_life() const noexcept { return last_life_; }
  weir::internal::suspects& suspects() noexcept { return suspects_; }

  /// Makes the slots of a pipeline, those of a stage together and stages in their order. The partitions are in the
  /// order of their numbers in origins. Slots that were given back are taken again if all these names are the same, so
  /// the file does not grow with the lives of a pipeline. Any thread, before `end`.
  result<std::span<flight_slot>> add(const std::string& pipeline,
                                     std::span<const stage_hands> stages,
                                     std::span<const std::string> partitions);

  /// The pipeline that has these slots from `add` has ended: nothing is in hand there any more, and nobody works with
  /// them. Any thread.
  void give_back(std::span<flight_slot> slots);

  /// A partition was opened while the pipeline runs, and has this number in origins: for a new partition, or in the
  /// place of one of which nothing is in flight any more. Before any of its items is admitted. Any thread, before
  /// `end`. O(1); the file grows for the first of 63 numbers, and then an error says why it can't. If the process
  /// dies of this very call, the number has the old name, none, or the new one. Requires that the pipeline was added;
  /// of several of this name, the last one is meant.
  result<void> name_partition(const std::string& pipeline, std::uint32_t index,
                              const std::string& name);

  /// A stage goes on: an item succeeded behind one that was dead-lettered because of the deaths it caused.
  void recovered() noexcept;

  /// The process ends as it should, and all that was settled is stored: only the suspects that did not come are
  /// remembered.
  void end() noexcept { end_with(true); }
  /// The process ends by itself, but not well: that is no death, and changes nothing about who is suspected.
  void end_early() noexcept { end_with(false); }

  // --- for the parent of the process --------------------------------------------------------------

  /// See examine_recorder.
  static std::optional<autopsy> examine(const std::string& path, int pid, int status) {
    return examine_recorder(path, pid, status);
  }

private:
  struct mapping {
    void* at = nullptr;
    std::size_t size = 0;
  };

  struct added_pipeline {
    std::string name;
    std::string all_names; // as they are in its section
    std::uint64_t at;      // where its section is in the file
    std::span<flight_slot> slots;
    bool in_use = true; // else they were given back
    std::vector<flight_name*>
        names; // sections of them, in the order of their indices; null: not made yet
  };

  flight_recorder() = default;
  result<void*> append(flight_file::section head, std::uint64_t entries, std::string_view names);
  result<flight_name*> append_names(const added_pipeline& of, std::uint32_t first);
  void end_with(bool stored) noexcept;
  result<void> keep(const std::vector<suspect>& left);

  int file_ = -1;
  mapping front_;   // header and suspects
  std::mutex lock_; // guards the next three, and the file
  std::vector<mapping> sections_;
  std::vector<added_pipeline> pipelines_;
  std::uint64_t end_ = 0; // of the file
  std::string path_;
  life last_life_;
  weir::internal::suspects suspects_;
};

} // namespace weir::internal
