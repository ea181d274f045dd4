#pragma once

#include <string>
#include <string_view>

namespace weir {

/// Is it text that everybody can read: valid UTF-8 (RFC 3629) without NUL bytes?
bool is_text(std::string_view bytes);

/// The same with U+FFFD, the replacement character, for each byte that is not.
std::string readable(std::string_view bytes);

} // namespace weir
