#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/stages/item_trouble.hpp>
#include <weir/stages/payload.hpp>
#include <weir/stages/sink.hpp>

#include <cstddef>
#include <string>
#include <typeinfo>

namespace weir::internal {

class worker;

/// The rows of a batch, whatever their type is: how many there are, and how each is kept as a dead letter.
struct rows_of_batch {
  const void* batch;
  std::size_t size;
  std::string (*payload)(const void* batch, std::size_t index);
  const std::type_info& type; ///< of a row
};

/// The batch is taken apart: each item ends its own way. `trouble` is how the batch as a whole has failed so far.
/// If it throws, for want of memory, nothing has happened.
void settle_members(const rows_of_batch& rows, origin where, batch_outcome& came_of_it,
                    const item_trouble& trouble, worker& self);

template <class Batch>
  requires requires { typename Batch::value_type; }
void settle_members(const Batch& batch, origin where, batch_outcome& came_of_it,
                    const item_trouble& trouble, worker& self) {
  constexpr auto payload = [](const void* all, std::size_t index) {
    return kept_payload_of(static_cast<const Batch*>(all)->items[index]);
  };
  const rows_of_batch rows{&batch, batch.items.size(), payload, typeid(typename Batch::value_type)};
  settle_members(rows, where, came_of_it, trouble, self);
}

} // namespace weir::internal
