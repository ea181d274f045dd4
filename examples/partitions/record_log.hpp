#pragma once

#include <weir/connectors/sqlite.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// A log of records in six partitions, which is never kept: what record stands where follows from its number.
inline constexpr std::size_t partitions_count = 6;
inline constexpr std::string_view pipeline_name = "records";

/// Of a log with so many records in all.
inline std::uint64_t records_of(std::size_t partition, std::uint64_t records) {
  return records / partitions_count + (partition < records % partitions_count ? 1 : 0);
}

inline std::string name_of(std::size_t partition) { return "log-" + std::to_string(partition); }
inline std::size_t partition_of(std::string_view name) {
  return static_cast<std::size_t>(name.back() - '0');
}

struct record {
  std::uint32_t partition = 0;
  std::uint64_t number = 0; ///< its position, from 1
  std::uint64_t value = 0;

  std::uint64_t id() const { return (std::uint64_t{partition} << 40U) | number; }
};

inline std::string weir_payload(const record& one) {
  return name_of(one.partition) + " " + std::to_string(one.number);
}

/// SplitMix64.
inline std::uint64_t mixed(std::uint64_t word) {
  word += 0x9e3779b97f4a7c15;
  word = (word ^ (word >> 30U)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27U)) * 0x94d049bb133111eb;
  return word ^ (word >> 31U);
}

inline record record_at(std::size_t partition, std::uint64_t number) {
  record one{.partition = static_cast<std::uint32_t>(partition), .number = number};
  one.value = mixed(one.id());
  return one;
}

/// One in ten thousand.
inline bool is_broken(const record& one) { return one.value % 10'000 == 0; }

/// What is stored of a record: some microseconds of work.
inline std::uint64_t worked(const record& one) {
  auto value = one.value;
  for (int round = 0; round < 1000; ++round)
    value = mixed(value);
  return value >> 1U; // SQLite's integers are signed
}

/// A row that is stored although it is there leaves its id in `stored_again`, also where its conflict is ignored.
inline weir::sqlite::table_options record_table(const std::string& path) {
  return {.path = path,
          .table = "records",
          .columns = {"id", "value"},
          .key = "id",
          .create = "CREATE TABLE IF NOT EXISTS records(id INTEGER PRIMARY KEY, value INTEGER NOT "
                    "NULL);"
                    "CREATE TABLE IF NOT EXISTS stored_again(id INTEGER NOT NULL);"
                    "CREATE TRIGGER IF NOT EXISTS records_stored_again BEFORE INSERT ON records "
                    "WHEN EXISTS(SELECT 1 FROM records WHERE id = NEW.id) "
                    "BEGIN INSERT INTO stored_again VALUES(NEW.id); END"};
}

inline void fill_row(const record& one, weir::sqlite::row& row) {
  row.set("id", one.id());
  row.set("value", one.value);
}
