// SPDX-License-Identifier: Apache-2.0
//
// Embeds the helpers of runtime/. Written by update_table.sh: do not edit.

#include "CTemplates.h"

struct template {
  const char *symbol;
  const unsigned char *text;
};

static const unsigned char text_mf_add_block_f32[] = {
#embed "runtime/mf_add_block_f32.h"
    , 0};
static const unsigned char text_mf_add_block_f64[] = {
#embed "runtime/mf_add_block_f64.h"
    , 0};
static const unsigned char text_mf_add_row_products_f32[] = {
#embed "runtime/mf_add_row_products_f32.h"
    , 0};
static const unsigned char text_mf_add_row_products_f64[] = {
#embed "runtime/mf_add_row_products_f64.h"
    , 0};
static const unsigned char text_mf_add_rows_f32[] = {
#embed "runtime/mf_add_rows_f32.h"
    , 0};
static const unsigned char text_mf_add_rows_f64[] = {
#embed "runtime/mf_add_rows_f64.h"
    , 0};
static const unsigned char text_mf_attention_adjoint_f32[] = {
#embed "runtime/mf_attention_adjoint_f32.h"
    , 0};
static const unsigned char text_mf_attention_adjoint_f64[] = {
#embed "runtime/mf_attention_adjoint_f64.h"
    , 0};
static const unsigned char text_mf_attention_adjoint_tangent_f32[] = {
#embed "runtime/mf_attention_adjoint_tangent_f32.h"
    , 0};
static const unsigned char text_mf_attention_adjoint_tangent_f64[] = {
#embed "runtime/mf_attention_adjoint_tangent_f64.h"
    , 0};
static const unsigned char text_mf_attention_mask_f32[] = {
#embed "runtime/mf_attention_mask_f32.h"
    , 0};
static const unsigned char text_mf_attention_mask_f64[] = {
#embed "runtime/mf_attention_mask_f64.h"
    , 0};
static const unsigned char text_mf_attention_tangent_end_f32[] = {
#embed "runtime/mf_attention_tangent_end_f32.h"
    , 0};
static const unsigned char text_mf_attention_tangent_end_f64[] = {
#embed "runtime/mf_attention_tangent_end_f64.h"
    , 0};
static const unsigned char text_mf_attention_tangent_f32[] = {
#embed "runtime/mf_attention_tangent_f32.h"
    , 0};
static const unsigned char text_mf_attention_tangent_f64[] = {
#embed "runtime/mf_attention_tangent_f64.h"
    , 0};
static const unsigned char text_mf_attention_value_end_f32[] = {
#embed "runtime/mf_attention_value_end_f32.h"
    , 0};
static const unsigned char text_mf_attention_value_end_f64[] = {
#embed "runtime/mf_attention_value_end_f64.h"
    , 0};
static const unsigned char text_mf_attention_value_f32[] = {
#embed "runtime/mf_attention_value_f32.h"
    , 0};
static const unsigned char text_mf_attention_value_f64[] = {
#embed "runtime/mf_attention_value_f64.h"
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
static const unsigned char text_mf_is_far_f32[] = {
#embed "runtime/mf_is_far_f32.h"
    , 0};
static const unsigned char text_mf_is_far_f64[] = {
#embed "runtime/mf_is_far_f64.h"
    , 0};
static const unsigned char text_mf_library[] = {
#embed "runtime/mf_library.h"
    , 0};
static const unsigned char text_mf_log1p_f32[] = {
#embed "runtime/mf_log1p_f32.h"
    , 0};
static const unsigned char text_mf_log1p_f64[] = {
#embed "runtime/mf_log1p_f64.h"
    , 0};
static const unsigned char text_mf_log_f32[] = {
#embed "runtime/mf_log_f32.h"
    , 0};
static const unsigned char text_mf_log_f64[] = {
#embed "runtime/mf_log_f64.h"
    , 0};
static const unsigned char text_mf_logistic_f32[] = {
#embed "runtime/mf_logistic_f32.h"
    , 0};
static const unsigned char text_mf_logistic_f64[] = {
#embed "runtime/mf_logistic_f64.h"
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
static const unsigned char text_mf_maximum_step_f32[] = {
#embed "runtime/mf_maximum_step_f32.h"
    , 0};
static const unsigned char text_mf_maximum_step_f64[] = {
#embed "runtime/mf_maximum_step_f64.h"
    , 0};
static const unsigned char text_mf_ordered_f32[] = {
#embed "runtime/mf_ordered_f32.h"
    , 0};
static const unsigned char text_mf_ordered_f64[] = {
#embed "runtime/mf_ordered_f64.h"
    , 0};
static const unsigned char text_mf_pack_gathered_f32[] = {
#embed "runtime/mf_pack_gathered_f32.h"
    , 0};
static const unsigned char text_mf_pack_gathered_f64[] = {
#embed "runtime/mf_pack_gathered_f64.h"
    , 0};
static const unsigned char text_mf_pack_rows_f32[] = {
#embed "runtime/mf_pack_rows_f32.h"
    , 0};
static const unsigned char text_mf_pack_rows_f64[] = {
#embed "runtime/mf_pack_rows_f64.h"
    , 0};
static const unsigned char text_mf_pack_scaled_f32[] = {
#embed "runtime/mf_pack_scaled_f32.h"
    , 0};
static const unsigned char text_mf_pack_scaled_f64[] = {
#embed "runtime/mf_pack_scaled_f64.h"
    , 0};
static const unsigned char text_mf_pack_tiles_f32[] = {
#embed "runtime/mf_pack_tiles_f32.h"
    , 0};
static const unsigned char text_mf_pack_tiles_f64[] = {
#embed "runtime/mf_pack_tiles_f64.h"
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
static const unsigned char text_mf_scale_rows_f32[] = {
#embed "runtime/mf_scale_rows_f32.h"
    , 0};
static const unsigned char text_mf_scale_rows_f64[] = {
#embed "runtime/mf_scale_rows_f64.h"
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
static const unsigned char text_mf_softplus_f32[] = {
#embed "runtime/mf_softplus_f32.h"
    , 0};
static const unsigned char text_mf_softplus_f64[] = {
#embed "runtime/mf_softplus_f64.h"
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
static const unsigned char text_mf_sum_step_f32[] = {
#embed "runtime/mf_sum_step_f32.h"
    , 0};
static const unsigned char text_mf_sum_step_f64[] = {
#embed "runtime/mf_sum_step_f64.h"
    , 0};
static const unsigned char text_mf_tanh_f32[] = {
#embed "runtime/mf_tanh_f32.h"
    , 0};
static const unsigned char text_mf_tanh_f64[] = {
#embed "runtime/mf_tanh_f64.h"
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
    {"mf_add_block_f32", text_mf_add_block_f32},
    {"mf_add_block_f64", text_mf_add_block_f64},
    {"mf_add_row_products_f32", text_mf_add_row_products_f32},
    {"mf_add_row_products_f64", text_mf_add_row_products_f64},
    {"mf_add_rows_f32", text_mf_add_rows_f32},
    {"mf_add_rows_f64", text_mf_add_rows_f64},
    {"mf_attention_adjoint_f32", text_mf_attention_adjoint_f32},
    {"mf_attention_adjoint_f64", text_mf_attention_adjoint_f64},
    {"mf_attention_adjoint_tangent_f32", text_mf_attention_adjoint_tangent_f32},
    {"mf_attention_adjoint_tangent_f64", text_mf_attention_adjoint_tangent_f64},
    {"mf_attention_mask_f32", text_mf_attention_mask_f32},
    {"mf_attention_mask_f64", text_mf_attention_mask_f64},
    {"mf_attention_tangent_end_f32", text_mf_attention_tangent_end_f32},
    {"mf_attention_tangent_end_f64", text_mf_attention_tangent_end_f64},
    {"mf_attention_tangent_f32", text_mf_attention_tangent_f32},
    {"mf_attention_tangent_f64", text_mf_attention_tangent_f64},
    {"mf_attention_value_end_f32", text_mf_attention_value_end_f32},
    {"mf_attention_value_end_f64", text_mf_attention_value_end_f64},
    {"mf_attention_value_f32", text_mf_attention_value_f32},
    {"mf_attention_value_f64", text_mf_attention_value_f64},
    {"mf_cos_f32", text_mf_cos_f32},
    {"mf_cos_f64", text_mf_cos_f64},
    {"mf_cos_far_f32", text_mf_cos_far_f32},
    {"mf_cos_far_f64", text_mf_cos_far_f64},
    {"mf_erf_f32", text_mf_erf_f32},
    {"mf_erf_f64", text_mf_erf_f64},
    {"mf_erfc_f32", text_mf_erfc_f32},
    {"mf_erfc_f64", text_mf_erfc_f64},
    {"mf_exp_f32", text_mf_exp_f32},
    {"mf_exp_f64", text_mf_exp_f64},
    {"mf_expm1_f32", text_mf_expm1_f32},
    {"mf_expm1_f64", text_mf_expm1_f64},
    {"mf_fault", text_mf_fault},
    {"mf_is_far_f32", text_mf_is_far_f32},
    {"mf_is_far_f64", text_mf_is_far_f64},
    {"mf_library", text_mf_library},
    {"mf_log1p_f32", text_mf_log1p_f32},
    {"mf_log1p_f64", text_mf_log1p_f64},
    {"mf_log_f32", text_mf_log_f32},
    {"mf_log_f64", text_mf_log_f64},
    {"mf_logistic_f32", text_mf_logistic_f32},
    {"mf_logistic_f64", text_mf_logistic_f64},
    {"mf_machine_peak", text_mf_machine_peak},
    {"mf_maximum_lanes_f32", text_mf_maximum_lanes_f32},
    {"mf_maximum_lanes_f64", text_mf_maximum_lanes_f64},
    {"mf_maximum_step_f32", text_mf_maximum_step_f32},
    {"mf_maximum_step_f64", text_mf_maximum_step_f64},
    {"mf_ordered_f32", text_mf_ordered_f32},
    {"mf_ordered_f64", text_mf_ordered_f64},
    {"mf_pack_gathered_f32", text_mf_pack_gathered_f32},
    {"mf_pack_gathered_f64", text_mf_pack_gathered_f64},
    {"mf_pack_rows_f32", text_mf_pack_rows_f32},
    {"mf_pack_rows_f64", text_mf_pack_rows_f64},
    {"mf_pack_scaled_f32", text_mf_pack_scaled_f32},
    {"mf_pack_scaled_f64", text_mf_pack_scaled_f64},
    {"mf_pack_tiles_f32", text_mf_pack_tiles_f32},
    {"mf_pack_tiles_f64", text_mf_pack_tiles_f64},
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
    {"mf_scale_rows_f32", text_mf_scale_rows_f32},
    {"mf_scale_rows_f64", text_mf_scale_rows_f64},
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
    {"mf_softplus_f32", text_mf_softplus_f32},
    {"mf_softplus_f64", text_mf_softplus_f64},
    {"mf_sum_f32", text_mf_sum_f32},
    {"mf_sum_f64", text_mf_sum_f64},
    {"mf_sum_lanes_f32", text_mf_sum_lanes_f32},
    {"mf_sum_lanes_f64", text_mf_sum_lanes_f64},
    {"mf_sum_step_f32", text_mf_sum_step_f32},
    {"mf_sum_step_f64", text_mf_sum_step_f64},
    {"mf_tanh_f32", text_mf_tanh_f32},
    {"mf_tanh_f64", text_mf_tanh_f64},
    {"mf_to_i32_f32", text_mf_to_i32_f32},
    {"mf_to_i32_f64", text_mf_to_i32_f64},
    {"mf_vector_types", text_mf_vector_types},
    {"mixfuse_parallel", text_mixfuse_parallel},
};

int mixfuse_template_count(void) { return (int)(sizeof templates / sizeof templates[0]); }

const char *mixfuse_template_symbol(int index) { return templates[index].symbol; }

const char *mixfuse_template_text(int index) { return (const char *)templates[index].text; }
