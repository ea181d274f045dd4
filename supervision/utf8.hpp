#pragma once

#include <string>
#include <string_view>

namespace weir {

/// Are the bytes text that everybody can read: valid UTF-8 (RFC 3629) without NUL bytes?
bool is_text(std::string_view bytes);

/// `bytes` as text that everybody can read: each byte that is not becomes U+FFFD, the replacement character.
std::string readable(std::string_view bytes);

} // namespace weir
