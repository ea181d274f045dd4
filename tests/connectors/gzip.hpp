#pragma once

#include <string>

#include <gtest/gtest.h>
#include <zlib.h>

namespace weir_test {

/// One gzip member.
inline std::string gzip(std::string plain, int level = 1) {
  z_stream zlib{};
  EXPECT_EQ(deflateInit2(&zlib, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&zlib, plain.size()), '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(plain.data());
  zlib.avail_in = static_cast<uInt>(plain.size());
  zlib.next_out = reinterpret_cast<Bytef*>(packed.data());
  zlib.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&zlib, Z_FINISH), Z_STREAM_END);
  packed.resize(zlib.total_out);
  deflateEnd(&zlib);
  return packed;
}

} // namespace weir_test
