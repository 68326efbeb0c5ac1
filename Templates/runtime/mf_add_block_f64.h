// mf_add_block_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Adds one block of many long sums to their totals `c`, and what rounding takes from a total to its
// error, which the last block adds at the end: two_sum (Knuth, volume 2, section 4.2.2). `block` and
// `error` have rows of `stride` elements, `c` rows of `c_stride`. The first block sets the errors,
// and with `replaces` the totals. The error of an infinite total is no number, and left out.

__attribute__((unused)) static void mf_add_block_f64(
    const double *restrict block, double *restrict error, int64_t stride, double *restrict c,
    int64_t c_stride, int64_t rows, int64_t columns, _Bool is_first, _Bool is_last,
    _Bool replaces) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const double value = block[i * stride + j];
      const double old = is_first && replaces ? 0 : c[i * c_stride + j];
      const double sum = old + value;
      const double added = sum - old;
      const double lost = (old - (sum - added)) + (value - added);
      const double all = is_first ? lost : error[i * stride + j] + lost;
      error[i * stride + j] = all;
      c[i * c_stride + j] = is_last && all == all ? sum + all : sum;
    }
  }
}
