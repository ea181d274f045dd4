#include <weir/mailbox/require.hpp>
#include <weir/supervision/flight_file.hpp>

#include <cstring>

namespace weir::internal::flight_file {

std::uint64_t checksum(std::string_view bytes, std::uint64_t hash) {
  for (const char one : bytes)
    hash = (hash ^ static_cast<unsigned char>(one)) * 0x100000001B3U;
  return hash;
}

std::uint64_t checksum_of(const front& all) {
  auto hash = checksum(bytes_of(all.who, offsetof(identity, checksum)));
  hash = checksum(bytes_of(all.deaths), hash);
  return checksum(bytes_of(all.suspects, all.who.suspects * sizeof(suspect)), hash);
}
std::uint64_t checksum_of(const section& head, std::string_view names) {
  return checksum(names, checksum(bytes_of(head, offsetof(section, checksum))));
}

std::int64_t milliseconds(std::chrono::system_clock::time_point when) {
  return std::chrono::floor<std::chrono::milliseconds>(when).time_since_epoch().count();
}

void put_suspects(front& into, const std::vector<suspect>& all) {
  require(all.size() <= suspects_kept,
          "flight_recorder: there are more suspects than the file keeps");
  into.who.suspects = static_cast<std::uint32_t>(all.size());
  std::ranges::copy(all, into.suspects.begin());
  into.who.checksum = checksum_of(into);
}

std::unique_ptr<front> front_in(std::string_view bytes) {
  if (bytes.size() < sizeof(front))
    return nullptr;
  auto read = std::make_unique<front>();
  std::memcpy(static_cast<void*>(read.get()), bytes.data(), sizeof(front));
  return read;
}

verdict judge(std::string_view bytes, const front* old, const std::string& program) {
  const auto shown = bytes.substr(0, std::min(bytes.size(), magic.size()));
  if (bytes.empty() || std::ranges::all_of(shown, [](char one) { return one == '\0'; }))
    return {.why = "it was never written"};
  if (!std::ranges::equal(shown, std::string_view{magic.data(), shown.size()}))
    return {.why = "it is not a flight recorder", .foreign = true};
  if (bytes.size() < front_size || old == nullptr)
    return {.why = "it is cut off"};
  if (old->who.version != version)
    return {.why = "it has version " + std::to_string(old->who.version) + ", this is version "
                   + std::to_string(version)};
  if (old->who.deaths > deaths_kept || old->who.suspects > suspects_kept
      || old->who.checksum != checksum_of(*old))
    return {.why = "its header is damaged"};
  if (const auto whose = text_of(old->who.program); whose != program)
    return {.why = "it belongs to '" + whose + "', this is '" + program + "'"};
  return {};
}

} // namespace weir::internal::flight_file
