#pragma once

#include <weir/dead_letters/dead_letter.hpp>

#include <cstdint>
#include <span>
#include <string>

/// The words about dead letters that every store, its audit and the tools have in common.
namespace weir::internal {

/// "id 7", "ids 1, 2, 3", cut where there are many.
std::string ids_text(std::span<const std::uint64_t> ids);
/// "1 letter", "3 letters"
std::string letters_text(std::uint64_t count);
/// The outermost message of why the letter failed: what a histogram counts.
std::string cause_of(const dead_letter& letter);

} // namespace weir::internal

namespace weir {

/// What a store answers where there is no such letter.
failure no_letter(std::uint64_t id);
/// What a store answers where the letter can't be changed, for it is being replayed.
failure letter_in_use(std::uint64_t id);

} // namespace weir
