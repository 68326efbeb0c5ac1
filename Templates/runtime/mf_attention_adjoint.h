// mf_attention_adjoint_f32, mf_attention_adjoint_f64
// requires: mf_library mf_exp_f32
// SPDX-License-Identifier: Apache-2.0
//
// One tile of attention's adjoint, a row per key. `weights` holds the scores S and becomes
// P = exp(S - l); `adjoints` holds P_adj and becomes S_adj = P o (P_adj - d).

MF_KERNEL static void mf_attention_adjoint_f32(
    float *restrict weights, float *restrict adjoints, int64_t keys, int64_t queries,
    const float *restrict l, const float *restrict d) {
  for (int64_t k = 0; k < keys; ++k) {
    for (int64_t q = 0; q < queries; ++q) {
      const int64_t index = k * queries + q;
      const float p = mf_exp_f32(weights[index] - l[q]);
      weights[index] = p;
      adjoints[index] = p * (adjoints[index] - d[q]);
    }
  }
}
