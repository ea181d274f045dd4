#pragma once

#include <weir/supervision/failure.hpp>

#include <string>

namespace weir_test {

/// "transient: why", with the whole chain.
inline std::string text_of(const weir::failure& why) {
  return std::string{to_string(why.kind)} + ": " + why.message();
}

} // namespace weir_test
