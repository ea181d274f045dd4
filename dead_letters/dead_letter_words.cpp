#include <weir/dead_letters/dead_letter_words.hpp>

#include <algorithm>
#include <cstddef>

namespace weir::internal {

std::string ids_text(std::span<const std::uint64_t> ids) {
  constexpr std::size_t most = 100;
  std::string text = ids.size() == 1 ? "id" : "ids";
  for (std::size_t k = 0; k < std::min(ids.size(), most); ++k)
    text += (k == 0 ? " " : ", ") + std::to_string(ids[k]);
  if (ids.size() > most)
    text += " and " + std::to_string(ids.size() - most) + " more";
  return text;
}

std::string letters_text(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " letter" : " letters");
}

std::string cause_of(const dead_letter& letter) {
  return letter.why.chain.empty() ? "no cause was given" : letter.why.chain.front();
}

} // namespace weir::internal

namespace weir {

failure no_letter(std::uint64_t id) {
  return poison("there is no dead letter " + std::to_string(id));
}

failure letter_in_use(std::uint64_t id) {
  return poison("dead letter " + std::to_string(id) + " is being replayed");
}

} // namespace weir
