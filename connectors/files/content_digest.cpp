#include <weir/connectors/files/content_digest.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

namespace weir::files {

namespace {

// The constants and the mixing are those of MurmurHash3, which is in the public domain.
std::uint64_t mixed(std::uint64_t state, std::uint64_t word) noexcept {
  word *= 0x87C37B91114253D5U;
  word = std::rotl(word, 31);
  word *= 0x4CF5AD432745937FU;
  return std::rotl(state ^ word, 27) * 5 + 0x52DCE729U;
}

std::uint64_t finished(std::uint64_t state) noexcept {
  state = (state ^ (state >> 33U)) * 0xFF51AFD7ED558CCDU;
  state = (state ^ (state >> 33U)) * 0xC4CEB9FE1A85EC53U;
  return state ^ (state >> 33U);
}

} // namespace

void content_digest::add(std::string_view bytes) noexcept {
  auto pending = static_cast<std::size_t>(bytes_ % 8);
  bytes_ += bytes.size();
  const auto take = [&](std::size_t count) {
    std::memcpy(reinterpret_cast<char*>(&rest_) + pending, bytes.data(), count);
    bytes.remove_prefix(count);
    pending += count;
  };
  if (pending > 0) {
    take(std::min(8 - pending, bytes.size()));
    if (pending < 8)
      return;
    state_ = mixed(state_, rest_);
  }
  auto state = state_;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    state = mixed(state, word);
  }
  state_ = state;
  rest_ = 0;
  pending = 0;
  if (!bytes.empty())
    take(bytes.size());
}

std::uint64_t content_digest::value() const noexcept {
  return finished(mixed(state_, rest_) ^ bytes_);
}

} // namespace weir::files
