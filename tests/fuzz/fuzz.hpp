#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What reads bytes from outside, given bytes. A target is one file that defines `corpus` and the function that
/// libFuzzer looks for too: `clang++ -fsanitize=fuzzer requests_fuzz.cpp …` works as well as our own driver
/// (driver.cpp), which needs no clang.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace fuzz {

/// Inputs to begin with, most of them valid.
std::vector<std::string> corpus();

/// What must be true whatever the input is. If it isn't, the process says so and aborts.
void require(bool holds, std::string_view what);

inline std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

/// Bytes as a file, which never reaches a disk.
class memory_file {
public:
  explicit memory_file(std::string_view bytes);
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  ~memory_file();
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

private:
  int descriptor_;
};

/// A folder that goes when the process ends.
class folder {
public:
  folder();
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder();
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string{name}; }

private:
  std::string path_;
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes);

} // namespace fuzz
