#include "fuzz.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/mman.h>
#include <unistd.h>

namespace fuzz {

void require(bool holds, std::string_view what) {
  if (holds)
    return;
  std::fprintf(stderr, "fuzz: this does not hold: %.*s\n", static_cast<int>(what.size()),
               what.data());
  std::abort();
}

memory_file::memory_file(std::string_view bytes)
    : descriptor_{::memfd_create("weir-fuzz", MFD_CLOEXEC)} {
  require(descriptor_ >= 0, "there is a file in memory");
  while (!bytes.empty()) {
    const auto written = ::write(descriptor_, bytes.data(), bytes.size());
    require(written > 0, "it can be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}
memory_file::~memory_file() { ::close(descriptor_); }

folder::folder() {
  std::error_code none;
  const std::filesystem::path memory = "/dev/shm"; // where a file is synchronised in no time
  const auto in = std::filesystem::is_directory(memory, none) && ::access(memory.c_str(), W_OK) == 0
                      ? memory
                      : std::filesystem::temp_directory_path();
  path_ = (in / "weir-fuzz-XXXXXX").string();
  require(::mkdtemp(path_.data()) != nullptr, "there is a temporary folder");
}
folder::~folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream from{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{from}, {}};
}
void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream to{path, std::ios::binary | std::ios::trunc};
  to.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

} // namespace fuzz
