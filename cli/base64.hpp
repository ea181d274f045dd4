#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::internal {

/// Bytes as text (RFC 4648, section 4), with its padding.
std::string base64(std::string_view bytes);
/// The bytes again. Nothing if there is something in the text that is no such digit; what follows a '=' is not read.
std::optional<std::string> from_base64(std::string_view text);

} // namespace weir::internal
