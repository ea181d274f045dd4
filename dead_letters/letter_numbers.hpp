#pragma once

#include <weir/mailbox/acknowledgement.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

namespace weir::internal {

/// Numbers the letters that stages make of one place: equal items of one position must not be taken for one, in
/// whichever worker of a stage they fail.
///
/// Owner: any thread.
/// Invariants: the letters of one stage, place and part have the numbers 0, 1, 2 … What is settled is forgotten, so that
/// there are about as many entries as positions in flight.
class letter_numbers {
public:
  explicit letter_numbers(const acknowledgement& books) : books_{books} {}

  /// The number of the next letter of that part, of an item that was read there: how many there were before.
  std::uint32_t next(const std::string& stage, const resume_point& read_at, std::uint32_t part);

  /// The partition was closed: what is read of it again makes the same letters.
  void forget(const std::string& partition);

private:
  using place = std::tuple<std::string, std::string, std::uint64_t, std::uint32_t>;
  static constexpr std::size_t forget_at_least = 1024; // entries

  void forget_settled(); // requires lock_

  const acknowledgement& books_;

  std::mutex lock_;                         // guards what follows
  std::map<place, std::uint32_t> made_;     // by stage, partition, position and part
  std::size_t forget_at_ = forget_at_least; // entries
};

} // namespace weir::internal
