#pragma once

#include <weir/pipeline/plan.hpp>

#include <optional>
#include <string>

namespace weir {

/// How often a row of a sink is stored, where a pipeline keeps its positions, whatever dies at whatever moment.
enum class delivery {
  /// The only sink stores points with its rows. An item that leads to several rows, in different transactions, is
  /// settled with the last of them: of such an item some rows may be stored again.
  exactly_once,
  once_by_key,  ///< a row may come again; the sinks tell by its key that it is there
  at_least_once ///< a few rows may be stored again
};

std::string to_string(delivery how);

} // namespace weir

namespace weir::internal {

/// Nothing where no positions are kept.
std::optional<delivery> delivery_of(const plan& of);

} // namespace weir::internal
