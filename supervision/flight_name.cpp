#include <weir/supervision/flight_file.hpp>
#include <weir/supervision/flight_name.hpp>

#include <cstddef>

namespace weir::internal {

namespace {

std::uint64_t checksum_of(std::uint32_t index, const flight_name& name) {
  using namespace flight_file;
  return checksum(bytes_of(name, offsetof(flight_name, checksum)), checksum(bytes_of(index)));
}

} // namespace

flight_name flight_name::of(std::uint32_t index, std::uint64_t key, std::string_view text) {
  flight_name made{.key = key};
  flight_file::put_text(made.text, text);
  made.checksum = checksum_of(index, made);
  return made;
}

bool flight_name::is_sound(std::uint32_t index) const {
  return key != 0 && checksum == checksum_of(index, *this);
}

} // namespace weir::internal
