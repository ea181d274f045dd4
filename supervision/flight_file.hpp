#pragma once

#include <weir/supervision/suspect.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <string.h>

/// The layout of the flight recorder's file, which docs/flight-recorder.md describes: a front, then sections, one for
/// each pipeline and more for the names of partitions that are opened while it runs. What is read from a file may be
/// anything; what is written by this process is mapped or copied as it is.
namespace weir::internal::flight_file {

inline constexpr std::array<char, 8> magic{'w', 'e', 'i', 'r', '-', 'f', 'l', 'y'};
inline constexpr std::uint32_t version = 2; // of the format; it also tells another byte order
inline constexpr std::uint64_t page = 4096;
inline constexpr std::uint32_t deaths_kept = 16;
inline constexpr std::uint32_t suspects_kept = 4096;
inline constexpr std::uint32_t names_in_section = 63;              // with the head: 16 KiB
inline constexpr std::uint64_t file_max = std::uint64_t{1} << 28U; // bytes

/// What is fixed when the file is made.
struct identity {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::int32_t pid;
  std::int64_t begun_at;
  std::array<char, 96> program;
  std::uint32_t deaths;
  std::uint32_t suspects;
  std::uint64_t checksum; // of all before it, of the deaths and of the suspects
};

/// A death, as it is kept for the lives after it.
struct kept_death {
  std::int64_t at; // ms since 1970
  std::int32_t pid;
  std::int32_t status;
  std::array<char, 240> in_hand;
};
static_assert(sizeof(kept_death) == 256);

/// The beginning of the file.
struct front {
  identity who;
  std::atomic<std::uint32_t> running;
  std::int32_t cause_pid; // written by the parent
  std::int32_t cause_status;
  std::uint32_t reserved;
  std::int64_t cause_at;
  std::atomic<std::uint64_t> recovered; // 1: a stage goes on behind what was dead-lettered
  std::array<kept_death, deaths_kept> deaths;
  std::array<suspect, suspects_kept> suspects;
};
static_assert(std::is_trivially_destructible_v<front>);

constexpr std::uint64_t round_up(std::uint64_t size, std::uint64_t to) {
  return (size + to - 1) / to * to;
}
inline constexpr std::uint64_t front_size = round_up(sizeof(front), page);

enum class section_kind : std::uint32_t {
  slots = 1, // of a pipeline
  names = 2, // of partitions that were opened while the pipeline ran
};

/// The head of a section. Behind it are the names that a pipeline begins with, and its entries: slots or names of
/// partitions.
struct section {
  std::uint64_t size; // bytes, of all of it
  section_kind kind;
  std::uint32_t names_size; // bytes, of the names in front of the entries
  std::uint32_t entries;
  std::uint32_t first;          // of names: the index of the first partition
  std::uint64_t entries_offset; // from the section
  std::uint64_t
      pipeline; // of names: where the section of their pipeline is, from the beginning of the file
  std::uint64_t checksum; // of all before it and of the names in front
};

template <class T>
std::string_view bytes_of(const T& value, std::size_t size = sizeof(T)) {
  return {reinterpret_cast<const char*>(&value), size};
}

/// FNV-1a, which goes on from `hash`.
std::uint64_t checksum(std::string_view bytes, std::uint64_t hash = 0xCBF29CE484222325U);
std::uint64_t checksum_of(const front& all);
std::uint64_t checksum_of(const section& head, std::string_view names);

/// How times are kept: in ms since 1970.
std::int64_t milliseconds(std::chrono::system_clock::time_point when);
inline std::chrono::system_clock::time_point time_of(std::int64_t kept) {
  return std::chrono::system_clock::time_point{std::chrono::milliseconds{kept}};
}

/// Texts that are too long are cut.
template <std::size_t Size>
void put_text(std::array<char, Size>& into, std::string_view text) {
  into.fill('\0');
  std::copy_n(text.begin(), std::min(text.size(), Size - 1), into.begin());
}
template <std::size_t Size>
std::string text_of(const std::array<char, Size>& from) {
  return {from.data(), ::strnlen(from.data(), Size)};
}

/// Puts them in, with the checksum. Requires no more than `suspects_kept`.
void put_suspects(front& into, const std::vector<suspect>& all);

/// The front as it lies in `bytes`; null if they can't be one.
std::unique_ptr<front> front_in(std::string_view bytes);

/// Why a file that is there is of no use; and whether it may be written over.
struct verdict {
  std::string why{}; ///< empty: it is sound
  bool foreign = false;
};
/// `old` is the front in `bytes`, or null.
verdict judge(std::string_view bytes, const front* old, const std::string& program);

} // namespace weir::internal::flight_file
