// mf_cos_far_f32
// requires: mf_sincos_far_f32
// SPDX-License-Identifier: Apache-2.0
//
// The cosine of any x in radians. Error below 2 ULP.

static inline float mf_cos_far_f32(float x) { return mf_sincos_far_f32(x, 1); }
