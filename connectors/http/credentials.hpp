#pragma once

#include <weir/supervision/failure.hpp>

#include <string>

namespace weir::http {

/// Who a client is, and where its secret is kept: it is never itself in the options, and nothing prints it.
struct credentials {
  std::string user =
      {}; ///< for Basic, with the secret as password; empty: the secret is a bearer token
  std::string file = {};     ///< the secret is its text, without the line end; or:
  std::string variable = {}; ///< the secret is this variable of the environment

  bool none() const { return file.empty() && variable.empty(); }
};

/// Poison, without the secret, if it is not there, is empty, or can't stand in a header. Reads the file anew each time.
result<std::string> secret_of(const credentials& of);

} // namespace weir::http
