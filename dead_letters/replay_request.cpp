#include <weir/dead_letters/dead_letter_words.hpp>
#include <weir/dead_letters/replay_request.hpp>

namespace weir {

std::string to_string(const replay_request& answer) {
  auto text = internal::letters_text(answer.requested) + " requested";
  if (answer.under_way > 0)
    text += ", " + std::to_string(answer.under_way) + " under way already";
  if (answer.too_often > 0)
    text += ", " + std::to_string(answer.too_often) + " left out: replayed too often";
  return text;
}

} // namespace weir
