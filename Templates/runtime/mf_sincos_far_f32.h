// mf_sincos_far_f32
// requires: mf_sincos_f32
// SPDX-License-Identifier: Apache-2.0
//
// Sine of x + quadrant * pi/2 for any x: beyond 2^22 the argument is multiplied by those 96 bits
// of 2/pi that make quarter turns below four and their fractions (Payne and Hanek 1983). Not for
// vector lanes. Error below 2 ULP. NaN for infinities.

static inline float mf_sincos_far_f32(float x, uint32_t quadrant) {
  // 2/pi; each word begins 8 bits after the one before it.
  static const uint32_t words[] = {
      0x000000a2, 0x0000a2f9, 0x00a2f983, 0xa2f9836e, 0xf9836e4e, 0x836e4e44,
      0x6e4e4415, 0x4e441529, 0x441529fc, 0x1529fc27, 0x29fc2757, 0xfc2757d1,
      0x2757d1f5, 0x57d1f534, 0xd1f534dd, 0xf534ddc0, 0x34ddc0db, 0xddc0db62,
      0xc0db6295, 0xdb629599, 0x6295993c, 0x95993c43, 0x993c4390, 0x3c439041,
  };
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const uint32_t *const window = &words[(bits >> 26) & 15];
  const uint32_t mantissa = ((bits & 0x7fffff) | 0x800000) << ((bits >> 23) & 7);
  const uint64_t high = (uint64_t)(mantissa * window[0]) << 32;
  const uint64_t low = ((uint64_t)mantissa * window[8]) >> 32;
  const uint64_t quarters = high + (uint64_t)mantissa * window[4] + low;
  // Two bits of whole quarter turns, to the nearest, and 62 of their fraction.
  const uint64_t whole = (quarters + ((uint64_t)1 << 61)) >> 62;
  const double angle = (double)(int64_t)(quarters - (whole << 62)) * 0x1.921fb54442d18p-62;
  const int is_negative = x < 0;
  const float r = (float)(is_negative ? -angle : angle);
  const uint32_t turns = (uint32_t)(is_negative ? -whole : whole) + quadrant;
  const float far = mf_sincos_reduced_f32(r, turns);
  const float near = mf_sincos_f32(x, quadrant);
  const float size = __builtin_fabsf(x);
  return size <= 0x1p22f ? near : size < __builtin_inff() ? far : x - x;
}
