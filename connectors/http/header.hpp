#pragma once

#include <string>

namespace weir::http {

/// One line of the header of a request or an answer.
struct header {
  std::string name;
  std::string value;

  bool operator==(const header&) const = default;
};

} // namespace weir::http
