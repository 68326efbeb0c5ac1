// mf_sincos_far_f64
// requires: mf_fused_f64 mf_sincos_f64
// SPDX-License-Identifier: Apache-2.0
//
// Sine of x + quadrant * pi/2 for any x: beyond 2^50 the argument is multiplied by those 192 bits
// of 2/pi that make quarter turns below four and their fractions (Payne and Hanek 1983). Not for
// vector lanes. Error below 1.5 ULP. NaN for infinities.

static inline double mf_sincos_far_f64(double x, uint64_t quadrant) {
  // 2/pi after 64 zeros.
  static const uint64_t words[] = {
      0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041,
      0xfe5163abdebbc561, 0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e,
      0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b,
      0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
      0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
      0xf0cfbc209af4361d,
  };
  const double size = __builtin_fabs(x);
  if (!(size > 0x1p50 && size < __builtin_inf())) {
    return size <= 0x1p50 ? mf_sincos_f64(x, quadrant) : x - x;
  }
  uint64_t bits;
  __builtin_memcpy(&bits, &size, sizeof bits);
  const uint64_t mantissa = (bits & 0xfffffffffffff) | 0x10000000000000;
  // x is mantissa * 2^k; bits of 2/pi before the (k - 2)th make whole turns.
  const uint64_t first = (bits >> 52) - 1075 - 2 + 64;
  const uint64_t *const word = &words[first >> 6];
  const uint64_t shift = first & 63;
  uint64_t window[3];
  for (int i = 0; i < 3; ++i) {
    // In two shifts, since 64 would be too many for one.
    window[i] = word[i] << shift | word[i + 1] >> 1 >> (63 - shift);
  }
  const unsigned __int128 low = (unsigned __int128)mantissa * window[2];
  const unsigned __int128 middle = (unsigned __int128)mantissa * window[1] + (uint64_t)(low >> 64);
  const uint64_t quarters = mantissa * window[0] + (uint64_t)(middle >> 64);
  // Two bits of whole quarter turns, to the nearest, and 62 of their fraction; 64 more follow.
  const uint64_t whole = (quarters + ((uint64_t)1 << 61)) >> 62;
  const int64_t fraction = (int64_t)(quarters - (whole << 62));
  const double leading = (double)fraction;
  const double rest = (double)(fraction - (int64_t)leading) + (double)(uint64_t)middle * 0x1p-64;
  const double product = leading * 0x1.921fb54442d18p-62;
  const double lost = mf_fused_f64(leading, 0x1.921fb54442d18p-62, -product);
  const double angle =
      product + (lost + leading * 0x1.1a62633145c07p-116 + rest * 0x1.921fb54442d18p-62);
  const uint64_t turns = (x < 0 ? -whole : whole) + quadrant;
  return mf_sincos_reduced_f64(x < 0 ? -angle : angle, turns);
}
