#pragma once

#include <weir/supervision/failure.hpp>

#include <cerrno>
#include <cstring>
#include <string>

namespace weir::internal {

/// What a call of the system just failed with, by errno: "can't open 'x': no such file".
inline failure system_failure(const std::string& what) {
  return fatal(what + ": " + std::strerror(errno));
}

} // namespace weir::internal
