// mf_add_block_f32, mf_add_block_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Adds one block of many long sums to their totals `c`, with what rounding took from a total
// before, and keeps what it takes now in its error, which the last block adds too: two_sum (Knuth,
// volume 2, section 4.2.2). `block` and `error` have rows of `stride` elements, `c` rows of
// `c_stride`. The first block sets the errors, and with `replaces` the totals. The error of an
// infinite total is no number, and left out.

__attribute__((unused)) static void mf_add_block_f32(
    const float *restrict block, float *restrict error, int64_t stride, float *restrict c,
    int64_t c_stride, int64_t rows, int64_t columns, _Bool is_first, _Bool is_last,
    _Bool replaces) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const float old = is_first && replaces ? 0 : c[i * c_stride + j];
      const float before = is_first ? 0 : error[i * stride + j];
      const float more = block[i * stride + j] + before;
      const float sum = old + more;
      const float added = sum - old;
      const float lost = (old - (sum - added)) + (more - added);
      const float rest = lost == lost ? lost : 0;
      error[i * stride + j] = rest;
      c[i * c_stride + j] = is_last ? sum + rest : sum;
    }
  }
}
