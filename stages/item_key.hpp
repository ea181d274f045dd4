#pragma once

#include <weir/stages/stepper.hpp>

#include <functional>
#include <memory>
#include <string>

namespace weir::internal {

/// The key by which a stage with flow::hold_key holds its items; a stage without it has none.
template <class In>
class item_key {
public:
  explicit item_key(const ports& where)
      : function_{std::static_pointer_cast<const function>(where.hold_key)} {}

  explicit operator bool() const noexcept { return function_ != nullptr; }

  /// Empty where the item has none, also if the function throws: the item will fail by itself, or does not need it.
  std::string of(const In& item) const {
    if (!function_)
      return {};
    try {
      return (*function_)(item);
    } catch (...) {
      return {};
    }
  }

private:
  using function = std::function<std::string(const In&)>;

  std::shared_ptr<const function> function_;
};

} // namespace weir::internal
