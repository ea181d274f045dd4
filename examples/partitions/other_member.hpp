#pragma once

#include "record_log.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

/// Another member of the group, as a process of its own would be: it claims a partition in the position store, stores a
/// few of its records together with a point, and leaves it.
///
/// Owner: the broker's thread.
class other_member {
public:
  other_member(std::string store, std::uint64_t records)
      : store_{std::move(store)}, records_{records}, positions_{store_} {}

  /// Claims the partition, and stores at most so many records of it, in one transaction with the point they lead to.
  /// Answers how many; none if somebody has claimed it since.
  weir::result<std::uint64_t> work_on(std::size_t partition, std::size_t records_max);

  /// Why it stored nothing, while the claim has gone through; empty mostly.
  const std::string& trouble() const { return trouble_; }

private:
  weir::result<std::uint64_t> store(std::size_t partition, const weir::partition_point& from,
                                    std::size_t records_max);

  const std::string store_;
  const std::uint64_t records_;
  weir::sqlite::positions positions_;
  std::optional<weir::sqlite::table_writer> writer_; // once it is needed
  std::string trouble_;
};
