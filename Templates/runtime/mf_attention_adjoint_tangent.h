// mf_attention_adjoint_tangent_f32, mf_attention_adjoint_tangent_f64
// requires: mf_library mf_exp_f32
// SPDX-License-Identifier: Apache-2.0
//
// One tile of the tangent of attention's adjoint, a row per key, tangents before values.
// `weights` holds S_tan and S and becomes P_tan = P o (S_tan - l_tan) and P = exp(S - l);
// `adjoints` holds P_adj_tan and P_adj and becomes S_adj_tan and S_adj = P o (P_adj - d), where
// S_adj_tan = P_tan o (P_adj - d) + P o (P_adj_tan - d_tan).

MF_KERNEL static void mf_attention_adjoint_tangent_f32(
    float *restrict weights, float *restrict adjoints, int64_t keys, int64_t queries,
    const float *restrict l, const float *restrict l_tan, const float *restrict d,
    const float *restrict d_tan) {
  for (int64_t k = 0; k < keys; ++k) {
    float *weight = weights + k * 2 * queries;
    float *adjoint = adjoints + k * 2 * queries;
    MF_INDEPENDENT
    for (int64_t q = 0; q < queries; ++q) {
      const float p = mf_exp_f32(weight[queries + q] - l[q]);
      const float p_tan = p * (weight[q] - l_tan[q]);
      const float excess = adjoint[queries + q] - d[q];
      const float excess_tan = adjoint[q] - d_tan[q];
      weight[q] = p_tan;
      weight[queries + q] = p;
      adjoint[q] = p_tan * excess + p * excess_tan;
      adjoint[queries + q] = p * excess;
    }
  }
}
