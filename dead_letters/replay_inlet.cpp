#include <weir/dead_letters/replay_inlet.hpp>

namespace weir::internal {

replay_inlet::replay_inlet(replay_ports where) : where_{std::move(where)} {}
replay_inlet::~replay_inlet() = default;

ring_base& replay_inlet::blocked_on() const { return *where_.rings[chosen_]; }

std::span<const std::shared_ptr<ring_base>> replay_inlet::rings() const { return where_.rings; }

void replay_inlet::close() {
  for (const auto& one : where_.rings)
    one->close();
}

std::size_t replay_inlet::choose_by_letter(const dead_letter& letter) {
  if (where_.how == spread::straight) {
    const auto together =
        letter.key.empty() ? letter.source + ":" + std::to_string(letter.position) : letter.key;
    return chosen_ = std::hash<std::string>{}(together) % where_.rings.size();
  }
  chosen_ = 0;
  for (std::size_t k = 1; k < where_.rings.size(); ++k)
    if (where_.rings[k]->size() < where_.rings[chosen_]->size())
      chosen_ = k;
  return chosen_;
}

std::size_t replay_inlet::choose_by_key(std::size_t hash) {
  return chosen_ = hash % where_.rings.size();
}

failure replay_inlet::wrong_type(const dead_letter& letter, const std::string& expected) {
  return poison("its payload is a " + letter.payload_type + ", but stage '" + letter.stage
                + "' takes " + expected);
}

} // namespace weir::internal
