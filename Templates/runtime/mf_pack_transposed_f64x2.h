// mf_pack_transposed_f64x2
// requires: mf_library mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// Copies `columns` x `depth` elements that are contiguous along the depth to a dense panel that
// is contiguous along the columns: panel[k * columns + j] = source[j * column_stride + k].
// Blocks of 2 x 2 are transposed in registers. At the edges blocks overlap, which is cheaper
// than narrower ones; a panel smaller than a block is copied element by element.

// LOW_n and HIGH_n join two vectors' even or odd runs of n elements, within 128 bits for n = 1.
#define MF_LOW_1(a, b) __builtin_shufflevector(a, b, 0, 2)
#define MF_HIGH_1(a, b) __builtin_shufflevector(a, b, 1, 3)

static inline void mf_transpose_f64x2(
    const double *restrict source, int64_t source_stride, double *restrict panel,
    int64_t panel_stride) {
  mf_f64x2 r[2], t[2];
  MF_UNROLLED
  for (int64_t i = 0; i < 2; ++i) {
    r[i] = *(const mf_f64x2 *)(source + i * source_stride);
  }
  MF_UNROLLED
  for (int64_t i = 0; i < 2; i += 2) {
    t[i] = MF_LOW_1(r[i], r[i + 1]);
    t[i + 1] = MF_HIGH_1(r[i], r[i + 1]);
  }
  MF_UNROLLED
  for (int64_t i = 0; i < 2; ++i) {
    *(mf_f64x2 *)(panel + i * panel_stride) = t[i];
  }
}

#undef MF_LOW_1
#undef MF_HIGH_1

static inline void mf_pack_transposed_f64x2(
    const double *restrict source, int64_t column_stride, int64_t columns, int64_t depth,
    double *restrict panel) {
  if (columns < 2 || depth < 2) {
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t j = 0; j < columns; ++j) {
        panel[k * columns + j] = source[j * column_stride + k];
      }
    }
    return;
  }
  for (int64_t j = 0; j < columns; j += 2) {
    const int64_t column = j + 2 <= columns ? j : columns - 2;
    for (int64_t k = 0; k < depth; k += 2) {
      const int64_t step = k + 2 <= depth ? k : depth - 2;
      mf_transpose_f64x2(
          source + column * column_stride + step, column_stride,
          panel + step * columns + column, columns);
    }
  }
}
