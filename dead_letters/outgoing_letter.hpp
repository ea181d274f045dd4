#pragma once

#include <weir/dead_letters/dead_letter.hpp>
#include <weir/mailbox/origin.hpp>

namespace weir::internal {

class held_keys;

/// What a dead letter is of the item whose origin it has.
enum class letter_of {
  whole_item,
  part_of_item, ///< a row of a batch that was one item
  stranger      ///< its position is not the item's
};

/// Whoever makes dead letters, and is told of each that is stored. Any thread; must not block.
class letter_sender {
public:
  virtual void dead_letter_stored() noexcept = 0;

protected:
  ~letter_sender() = default;
};

/// A dead letter on its way to the store, with what it settles once it is there.
struct outgoing_letter {
  dead_letter letter;
  origin where;
  letter_sender* from = nullptr; ///< is told when it is stored
  held_keys* keys = nullptr;     ///< is told when it is stored, where its key is held now
};

} // namespace weir::internal
