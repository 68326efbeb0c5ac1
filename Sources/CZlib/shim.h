// SPDX-License-Identifier: Apache-2.0
//
// The one header of the CZlib system library target. `inflateInit2` and `deflateInit2` are macros
// that pass the version and structure size of the zlib the caller was compiled against; Swift
// cannot import such macros, so they are wrapped here.
#ifndef MIXFUSE_CZLIB_SHIM_H
#define MIXFUSE_CZLIB_SHIM_H

#include <zlib.h>

/// Starts a raw inflate stream (no zlib or gzip header), as zip members are stored.
static inline int mixfuse_inflate_start(z_stream *stream) {
  return inflateInit2(stream, -MAX_WBITS);
}

/// Starts a raw deflate stream at `level` (1 fastest ... 9 smallest).
static inline int mixfuse_deflate_start(z_stream *stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
}

#endif
