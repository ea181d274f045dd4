#pragma once

#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <string>
#include <string_view>

/// The flight recorder's file, which one process holds by a lock, and which is replaced as a whole: whatever happens,
/// there is the old file or the new one.
namespace weir::internal {

/// Opens the file and locks it: a descriptor. A file that was replaced meanwhile is not the one that is meant.
result<int> open_locked(const std::string& path);

/// Makes the file that is to replace another one: a locked descriptor. Its first `size` bytes have their blocks, so that
/// a full disk is an error here and not a signal later, where they are mapped; they begin with `bytes`.
result<int> write_beside(const std::string& beside, std::string_view bytes, std::uint64_t size);

/// Puts the file at `beside` in the place of the one at `path`.
result<void> replace_file(const std::string& path, const std::string& beside);

} // namespace weir::internal
