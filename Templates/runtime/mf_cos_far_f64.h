// mf_cos_far_f64
// requires: mf_sincos_far_f64
// SPDX-License-Identifier: Apache-2.0
//
// The cosine of any x in radians. Error below 1.5 ULP.

static inline double mf_cos_far_f64(double x) { return mf_sincos_far_f64(x, 1); }
