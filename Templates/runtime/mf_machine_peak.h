// mf_machine_peak
// requires: mf_library mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// What one core can do at most: fused multiply-adds on registers alone, and a copy of memory. A
// profile is measured against these; no generated library has them. The vectors are the widest the
// machine has, and there are enough sums to hide the latency of an addition.

#if defined(__AVX512F__)
typedef mf_f32x16 mf_peak_f32;
typedef mf_f64x8 mf_peak_f64;
#elif defined(__AVX__)
typedef mf_f32x8 mf_peak_f32;
typedef mf_f64x4 mf_peak_f64;
#else
typedef mf_f32x4 mf_peak_f32;
typedef mf_f64x2 mf_peak_f64;
#endif

#define MF_PEAK_SUMS 10

// Does `rounds` multiply-adds on each of MF_PEAK_SUMS vectors; returns the operations done, two for
// each multiply-add. `sink` keeps the compiler from leaving the work out.
#define MF_PEAK_PRODUCTS(name, vector, scalar)                                                    \
  MF_EXPORT double name(int64_t rounds, scalar *sink) {                                           \
    vector sums[MF_PEAK_SUMS];                                                                    \
    const vector factor = (vector)(scalar)0.999;                                                  \
    const vector addend = (vector)sink[0];                                                        \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < MF_PEAK_SUMS; ++i) {                   \
      sums[i] = addend * (scalar)i;                                                               \
    }                                                                                             \
    for (int64_t round = 0; round < rounds; ++round) {                                            \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < MF_PEAK_SUMS; ++i) {                 \
        sums[i] = sums[i] * factor + addend;                                                      \
      }                                                                                           \
    }                                                                                             \
    vector sum = sums[0];                                                                         \
    _Pragma("clang loop unroll(full)") for (int i = 1; i < MF_PEAK_SUMS; ++i) { sum += sums[i]; } \
    sink[0] = sum[0];                                                                             \
    return 2.0 * MF_PEAK_SUMS * (double)(sizeof(vector) / sizeof(scalar)) * (double)rounds;       \
  }

MF_EXPORT double mf_peak_products_f32(int64_t rounds, float *sink);
MF_EXPORT double mf_peak_products_f64(int64_t rounds, double *sink);
MF_EXPORT void mf_peak_copy(char *restrict to, const char *restrict from, int64_t bytes);

MF_PEAK_PRODUCTS(mf_peak_products_f32, mf_peak_f32, float)
MF_PEAK_PRODUCTS(mf_peak_products_f64, mf_peak_f64, double)

MF_EXPORT void mf_peak_copy(char *restrict to, const char *restrict from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; ++i) {
    to[i] = from[i];
  }
}

#undef MF_PEAK_PRODUCTS
#undef MF_PEAK_SUMS
