#pragma once

#include <weir/stages/payload.hpp>
#include <weir/stages/stepper.hpp>

#include <string>
#include <typeinfo>
#include <utility>

namespace weir::internal {

/// How an item is kept if it becomes a dead letter: a batch of one as a row that a sink rejects.
template <class In>
struct kept_as {
  static std::string payload(const In& item) noexcept {
    if constexpr (is_batch<In>)
      if (item.items.size() == 1)
        return kept_payload_of(item.items.front());
    return kept_payload_of(item);
  }
  static const std::type_info& type(const In& item) {
    if constexpr (is_batch<In>)
      if (item.items.size() == 1)
        return typeid(typename In::value_type);
    static_cast<void>(item);
    return typeid(In);
  }
  static item_as_letter letter(const In& item, std::string key) {
    return {payload(item), type(item), std::move(key)};
  }
};

} // namespace weir::internal
