// SPDX-License-Identifier: Apache-2.0
//
// Embeds the helpers of runtime/. Written by update_table.sh: do not edit.

#include "CTemplates.h"

struct template {
  const char *symbol;
  const unsigned char *text;
};

static const unsigned char text_mf_acos[] = {
#embed "runtime/mf_acos.h"
    , 0};
static const unsigned char text_mf_acosh[] = {
#embed "runtime/mf_acosh.h"
    , 0};
static const unsigned char text_mf_add_block[] = {
#embed "runtime/mf_add_block.h"
    , 0};
static const unsigned char text_mf_add_row_products[] = {
#embed "runtime/mf_add_row_products.h"
    , 0};
static const unsigned char text_mf_add_rows[] = {
#embed "runtime/mf_add_rows.h"
    , 0};
static const unsigned char text_mf_asin[] = {
#embed "runtime/mf_asin.h"
    , 0};
static const unsigned char text_mf_asinh[] = {
#embed "runtime/mf_asinh.h"
    , 0};
static const unsigned char text_mf_atan_f32[] = {
#embed "runtime/mf_atan_f32.h"
    , 0};
static const unsigned char text_mf_atan_f64[] = {
#embed "runtime/mf_atan_f64.h"
    , 0};
static const unsigned char text_mf_atanh[] = {
#embed "runtime/mf_atanh.h"
    , 0};
static const unsigned char text_mf_attention_add[] = {
#embed "runtime/mf_attention_add.h"
    , 0};
static const unsigned char text_mf_attention_adjoint[] = {
#embed "runtime/mf_attention_adjoint.h"
    , 0};
static const unsigned char text_mf_attention_adjoint_tangent[] = {
#embed "runtime/mf_attention_adjoint_tangent.h"
    , 0};
static const unsigned char text_mf_attention_band[] = {
#embed "runtime/mf_attention_band.h"
    , 0};
static const unsigned char text_mf_attention_bias[] = {
#embed "runtime/mf_attention_bias.h"
    , 0};
static const unsigned char text_mf_attention_bias_sum[] = {
#embed "runtime/mf_attention_bias_sum.h"
    , 0};
static const unsigned char text_mf_attention_empty_rows[] = {
#embed "runtime/mf_attention_empty_rows.h"
    , 0};
static const unsigned char text_mf_attention_gain[] = {
#embed "runtime/mf_attention_gain.h"
    , 0};
static const unsigned char text_mf_attention_gain_tangent[] = {
#embed "runtime/mf_attention_gain_tangent.h"
    , 0};
static const unsigned char text_mf_attention_hide[] = {
#embed "runtime/mf_attention_hide.h"
    , 0};
static const unsigned char text_mf_attention_mask[] = {
#embed "runtime/mf_attention_mask.h"
    , 0};
static const unsigned char text_mf_attention_relative[] = {
#embed "runtime/mf_attention_relative.h"
    , 0};
static const unsigned char text_mf_attention_relative_sum[] = {
#embed "runtime/mf_attention_relative_sum.h"
    , 0};
static const unsigned char text_mf_attention_softcap[] = {
#embed "runtime/mf_attention_softcap.h"
    , 0};
static const unsigned char text_mf_attention_softcap_gain[] = {
#embed "runtime/mf_attention_softcap_gain.h"
    , 0};
static const unsigned char text_mf_attention_softcap_gain_tangent[] = {
#embed "runtime/mf_attention_softcap_gain_tangent.h"
    , 0};
static const unsigned char text_mf_attention_softcap_tangent[] = {
#embed "runtime/mf_attention_softcap_tangent.h"
    , 0};
static const unsigned char text_mf_attention_tangent[] = {
#embed "runtime/mf_attention_tangent.h"
    , 0};
static const unsigned char text_mf_attention_tangent_end[] = {
#embed "runtime/mf_attention_tangent_end.h"
    , 0};
static const unsigned char text_mf_attention_value[] = {
#embed "runtime/mf_attention_value.h"
    , 0};
static const unsigned char text_mf_attention_value_end[] = {
#embed "runtime/mf_attention_value_end.h"
    , 0};
static const unsigned char text_mf_cos_f32[] = {
#embed "runtime/mf_cos_f32.h"
    , 0};
static const unsigned char text_mf_cos_f64[] = {
#embed "runtime/mf_cos_f64.h"
    , 0};
static const unsigned char text_mf_cos_far_f32[] = {
#embed "runtime/mf_cos_far_f32.h"
    , 0};
static const unsigned char text_mf_cos_far_f64[] = {
#embed "runtime/mf_cos_far_f64.h"
    , 0};
static const unsigned char text_mf_cosh[] = {
#embed "runtime/mf_cosh.h"
    , 0};
static const unsigned char text_mf_erf_f32[] = {
#embed "runtime/mf_erf_f32.h"
    , 0};
static const unsigned char text_mf_erf_f64[] = {
#embed "runtime/mf_erf_f64.h"
    , 0};
static const unsigned char text_mf_erfc_f32[] = {
#embed "runtime/mf_erfc_f32.h"
    , 0};
static const unsigned char text_mf_erfc_f64[] = {
#embed "runtime/mf_erfc_f64.h"
    , 0};
static const unsigned char text_mf_exp_f32[] = {
#embed "runtime/mf_exp_f32.h"
    , 0};
static const unsigned char text_mf_exp_f64[] = {
#embed "runtime/mf_exp_f64.h"
    , 0};
static const unsigned char text_mf_expm1_f32[] = {
#embed "runtime/mf_expm1_f32.h"
    , 0};
static const unsigned char text_mf_expm1_f64[] = {
#embed "runtime/mf_expm1_f64.h"
    , 0};
static const unsigned char text_mf_fault[] = {
#embed "runtime/mf_fault.h"
    , 0};
static const unsigned char text_mf_floor_divide_i32[] = {
#embed "runtime/mf_floor_divide_i32.h"
    , 0};
static const unsigned char text_mf_floor_f32[] = {
#embed "runtime/mf_floor_f32.h"
    , 0};
static const unsigned char text_mf_floor_f64[] = {
#embed "runtime/mf_floor_f64.h"
    , 0};
static const unsigned char text_mf_fused_f32[] = {
#embed "runtime/mf_fused_f32.h"
    , 0};
static const unsigned char text_mf_fused_f64[] = {
#embed "runtime/mf_fused_f64.h"
    , 0};
static const unsigned char text_mf_is_far_f32[] = {
#embed "runtime/mf_is_far_f32.h"
    , 0};
static const unsigned char text_mf_is_far_f64[] = {
#embed "runtime/mf_is_far_f64.h"
    , 0};
static const unsigned char text_mf_library[] = {
#embed "runtime/mf_library.h"
    , 0};
static const unsigned char text_mf_log1p[] = {
#embed "runtime/mf_log1p.h"
    , 0};
static const unsigned char text_mf_log_f32[] = {
#embed "runtime/mf_log_f32.h"
    , 0};
static const unsigned char text_mf_log_f64[] = {
#embed "runtime/mf_log_f64.h"
    , 0};
static const unsigned char text_mf_logistic[] = {
#embed "runtime/mf_logistic.h"
    , 0};
static const unsigned char text_mf_machine_peak[] = {
#embed "runtime/mf_machine_peak.h"
    , 0};
static const unsigned char text_mf_maximum_lanes_f32[] = {
#embed "runtime/mf_maximum_lanes_f32.h"
    , 0};
static const unsigned char text_mf_maximum_lanes_f64[] = {
#embed "runtime/mf_maximum_lanes_f64.h"
    , 0};
static const unsigned char text_mf_maximum_step[] = {
#embed "runtime/mf_maximum_step.h"
    , 0};
static const unsigned char text_mf_ordered_f32[] = {
#embed "runtime/mf_ordered_f32.h"
    , 0};
static const unsigned char text_mf_ordered_f64[] = {
#embed "runtime/mf_ordered_f64.h"
    , 0};
static const unsigned char text_mf_pack_gathered[] = {
#embed "runtime/mf_pack_gathered.h"
    , 0};
static const unsigned char text_mf_pack_rows[] = {
#embed "runtime/mf_pack_rows.h"
    , 0};
static const unsigned char text_mf_pack_scaled[] = {
#embed "runtime/mf_pack_scaled.h"
    , 0};
static const unsigned char text_mf_pack_tiles[] = {
#embed "runtime/mf_pack_tiles.h"
    , 0};
static const unsigned char text_mf_pack_transposed_f32x16[] = {
#embed "runtime/mf_pack_transposed_f32x16.h"
    , 0};
static const unsigned char text_mf_pack_transposed_f32x4[] = {
#embed "runtime/mf_pack_transposed_f32x4.h"
    , 0};
static const unsigned char text_mf_pack_transposed_f32x8[] = {
#embed "runtime/mf_pack_transposed_f32x8.h"
    , 0};
static const unsigned char text_mf_pack_transposed_f64x2[] = {
#embed "runtime/mf_pack_transposed_f64x2.h"
    , 0};
static const unsigned char text_mf_pack_transposed_f64x4[] = {
#embed "runtime/mf_pack_transposed_f64x4.h"
    , 0};
static const unsigned char text_mf_pack_transposed_f64x8[] = {
#embed "runtime/mf_pack_transposed_f64x8.h"
    , 0};
static const unsigned char text_mf_parallel_for[] = {
#embed "runtime/mf_parallel_for.h"
    , 0};
static const unsigned char text_mf_position[] = {
#embed "runtime/mf_position.h"
    , 0};
static const unsigned char text_mf_pow_f32[] = {
#embed "runtime/mf_pow_f32.h"
    , 0};
static const unsigned char text_mf_pow_f64[] = {
#embed "runtime/mf_pow_f64.h"
    , 0};
static const unsigned char text_mf_profile[] = {
#embed "runtime/mf_profile.h"
    , 0};
static const unsigned char text_mf_refuse[] = {
#embed "runtime/mf_refuse.h"
    , 0};
static const unsigned char text_mf_scale_rows[] = {
#embed "runtime/mf_scale_rows.h"
    , 0};
static const unsigned char text_mf_share_out[] = {
#embed "runtime/mf_share_out.h"
    , 0};
static const unsigned char text_mf_sin_f32[] = {
#embed "runtime/mf_sin_f32.h"
    , 0};
static const unsigned char text_mf_sin_f64[] = {
#embed "runtime/mf_sin_f64.h"
    , 0};
static const unsigned char text_mf_sin_far_f32[] = {
#embed "runtime/mf_sin_far_f32.h"
    , 0};
static const unsigned char text_mf_sin_far_f64[] = {
#embed "runtime/mf_sin_far_f64.h"
    , 0};
static const unsigned char text_mf_sincos_f32[] = {
#embed "runtime/mf_sincos_f32.h"
    , 0};
static const unsigned char text_mf_sincos_f64[] = {
#embed "runtime/mf_sincos_f64.h"
    , 0};
static const unsigned char text_mf_sincos_far_f32[] = {
#embed "runtime/mf_sincos_far_f32.h"
    , 0};
static const unsigned char text_mf_sincos_far_f64[] = {
#embed "runtime/mf_sincos_far_f64.h"
    , 0};
static const unsigned char text_mf_sincos_reduced_f32[] = {
#embed "runtime/mf_sincos_reduced_f32.h"
    , 0};
static const unsigned char text_mf_sincos_reduced_f64[] = {
#embed "runtime/mf_sincos_reduced_f64.h"
    , 0};
static const unsigned char text_mf_sinh[] = {
#embed "runtime/mf_sinh.h"
    , 0};
static const unsigned char text_mf_softplus[] = {
#embed "runtime/mf_softplus.h"
    , 0};
static const unsigned char text_mf_sum_f32[] = {
#embed "runtime/mf_sum_f32.h"
    , 0};
static const unsigned char text_mf_sum_f64[] = {
#embed "runtime/mf_sum_f64.h"
    , 0};
static const unsigned char text_mf_sum_lanes_f32[] = {
#embed "runtime/mf_sum_lanes_f32.h"
    , 0};
static const unsigned char text_mf_sum_lanes_f64[] = {
#embed "runtime/mf_sum_lanes_f64.h"
    , 0};
static const unsigned char text_mf_sum_step[] = {
#embed "runtime/mf_sum_step.h"
    , 0};
static const unsigned char text_mf_tanh_f32[] = {
#embed "runtime/mf_tanh_f32.h"
    , 0};
static const unsigned char text_mf_tanh_f64[] = {
#embed "runtime/mf_tanh_f64.h"
    , 0};
static const unsigned char text_mf_threefry_i32[] = {
#embed "runtime/mf_threefry_i32.h"
    , 0};
static const unsigned char text_mf_to_i32_f32[] = {
#embed "runtime/mf_to_i32_f32.h"
    , 0};
static const unsigned char text_mf_to_i32_f64[] = {
#embed "runtime/mf_to_i32_f64.h"
    , 0};
static const unsigned char text_mf_vector_types[] = {
#embed "runtime/mf_vector_types.h"
    , 0};
static const unsigned char text_mixfuse_parallel[] = {
#embed "runtime/mixfuse_parallel.h"
    , 0};

static const struct template templates[] = {
    {"mf_acos", text_mf_acos},
    {"mf_acosh", text_mf_acosh},
    {"mf_add_block", text_mf_add_block},
    {"mf_add_row_products", text_mf_add_row_products},
    {"mf_add_rows", text_mf_add_rows},
    {"mf_asin", text_mf_asin},
    {"mf_asinh", text_mf_asinh},
    {"mf_atan_f32", text_mf_atan_f32},
    {"mf_atan_f64", text_mf_atan_f64},
    {"mf_atanh", text_mf_atanh},
    {"mf_attention_add", text_mf_attention_add},
    {"mf_attention_adjoint", text_mf_attention_adjoint},
    {"mf_attention_adjoint_tangent", text_mf_attention_adjoint_tangent},
    {"mf_attention_band", text_mf_attention_band},
    {"mf_attention_bias", text_mf_attention_bias},
    {"mf_attention_bias_sum", text_mf_attention_bias_sum},
    {"mf_attention_empty_rows", text_mf_attention_empty_rows},
    {"mf_attention_gain", text_mf_attention_gain},
    {"mf_attention_gain_tangent", text_mf_attention_gain_tangent},
    {"mf_attention_hide", text_mf_attention_hide},
    {"mf_attention_mask", text_mf_attention_mask},
    {"mf_attention_relative", text_mf_attention_relative},
    {"mf_attention_relative_sum", text_mf_attention_relative_sum},
    {"mf_attention_softcap", text_mf_attention_softcap},
    {"mf_attention_softcap_gain", text_mf_attention_softcap_gain},
    {"mf_attention_softcap_gain_tangent", text_mf_attention_softcap_gain_tangent},
    {"mf_attention_softcap_tangent", text_mf_attention_softcap_tangent},
    {"mf_attention_tangent", text_mf_attention_tangent},
    {"mf_attention_tangent_end", text_mf_attention_tangent_end},
    {"mf_attention_value", text_mf_attention_value},
    {"mf_attention_value_end", text_mf_attention_value_end},
    {"mf_cos_f32", text_mf_cos_f32},
    {"mf_cos_f64", text_mf_cos_f64},
    {"mf_cos_far_f32", text_mf_cos_far_f32},
    {"mf_cos_far_f64", text_mf_cos_far_f64},
    {"mf_cosh", text_mf_cosh},
    {"mf_erf_f32", text_mf_erf_f32},
    {"mf_erf_f64", text_mf_erf_f64},
    {"mf_erfc_f32", text_mf_erfc_f32},
    {"mf_erfc_f64", text_mf_erfc_f64},
    {"mf_exp_f32", text_mf_exp_f32},
    {"mf_exp_f64", text_mf_exp_f64},
    {"mf_expm1_f32", text_mf_expm1_f32},
    {"mf_expm1_f64", text_mf_expm1_f64},
    {"mf_fault", text_mf_fault},
    {"mf_floor_divide_i32", text_mf_floor_divide_i32},
    {"mf_floor_f32", text_mf_floor_f32},
    {"mf_floor_f64", text_mf_floor_f64},
    {"mf_fused_f32", text_mf_fused_f32},
    {"mf_fused_f64", text_mf_fused_f64},
    {"mf_is_far_f32", text_mf_is_far_f32},
    {"mf_is_far_f64", text_mf_is_far_f64},
    {"mf_library", text_mf_library},
    {"mf_log1p", text_mf_log1p},
    {"mf_log_f32", text_mf_log_f32},
    {"mf_log_f64", text_mf_log_f64},
    {"mf_logistic", text_mf_logistic},
    {"mf_machine_peak", text_mf_machine_peak},
    {"mf_maximum_lanes_f32", text_mf_maximum_lanes_f32},
    {"mf_maximum_lanes_f64", text_mf_maximum_lanes_f64},
    {"mf_maximum_step", text_mf_maximum_step},
    {"mf_ordered_f32", text_mf_ordered_f32},
    {"mf_ordered_f64", text_mf_ordered_f64},
    {"mf_pack_gathered", text_mf_pack_gathered},
    {"mf_pack_rows", text_mf_pack_rows},
    {"mf_pack_scaled", text_mf_pack_scaled},
    {"mf_pack_tiles", text_mf_pack_tiles},
    {"mf_pack_transposed_f32x16", text_mf_pack_transposed_f32x16},
    {"mf_pack_transposed_f32x4", text_mf_pack_transposed_f32x4},
    {"mf_pack_transposed_f32x8", text_mf_pack_transposed_f32x8},
    {"mf_pack_transposed_f64x2", text_mf_pack_transposed_f64x2},
    {"mf_pack_transposed_f64x4", text_mf_pack_transposed_f64x4},
    {"mf_pack_transposed_f64x8", text_mf_pack_transposed_f64x8},
    {"mf_parallel_for", text_mf_parallel_for},
    {"mf_position", text_mf_position},
    {"mf_pow_f32", text_mf_pow_f32},
    {"mf_pow_f64", text_mf_pow_f64},
    {"mf_profile", text_mf_profile},
    {"mf_refuse", text_mf_refuse},
    {"mf_scale_rows", text_mf_scale_rows},
    {"mf_share_out", text_mf_share_out},
    {"mf_sin_f32", text_mf_sin_f32},
    {"mf_sin_f64", text_mf_sin_f64},
    {"mf_sin_far_f32", text_mf_sin_far_f32},
    {"mf_sin_far_f64", text_mf_sin_far_f64},
    {"mf_sincos_f32", text_mf_sincos_f32},
    {"mf_sincos_f64", text_mf_sincos_f64},
    {"mf_sincos_far_f32", text_mf_sincos_far_f32},
    {"mf_sincos_far_f64", text_mf_sincos_far_f64},
    {"mf_sincos_reduced_f32", text_mf_sincos_reduced_f32},
    {"mf_sincos_reduced_f64", text_mf_sincos_reduced_f64},
    {"mf_sinh", text_mf_sinh},
    {"mf_softplus", text_mf_softplus},
    {"mf_sum_f32", text_mf_sum_f32},
    {"mf_sum_f64", text_mf_sum_f64},
    {"mf_sum_lanes_f32", text_mf_sum_lanes_f32},
    {"mf_sum_lanes_f64", text_mf_sum_lanes_f64},
    {"mf_sum_step", text_mf_sum_step},
    {"mf_tanh_f32", text_mf_tanh_f32},
    {"mf_tanh_f64", text_mf_tanh_f64},
    {"mf_threefry_i32", text_mf_threefry_i32},
    {"mf_to_i32_f32", text_mf_to_i32_f32},
    {"mf_to_i32_f64", text_mf_to_i32_f64},
    {"mf_vector_types", text_mf_vector_types},
    {"mixfuse_parallel", text_mixfuse_parallel},
};

int mixfuse_template_count(void) { return (int)(sizeof templates / sizeof templates[0]); }

const char *mixfuse_template_symbol(int index) { return templates[index].symbol; }

const char *mixfuse_template_text(int index) { return (const char *)templates[index].text; }
