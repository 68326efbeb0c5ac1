// mf_pack_transposed_f32x8
// requires: mf_library mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// Copies `columns` x `depth` elements that are contiguous along the depth to a dense panel that
// is contiguous along the columns: panel[k * columns + j] = source[j * column_stride + k].
// Blocks of 8 x 8 are transposed in registers. At the edges blocks overlap, which is cheaper
// than narrower ones; a panel smaller than a block is copied element by element.

// LOW_n and HIGH_n join two vectors' even or odd runs of n elements, within 128 bits for n = 1, 2.
#define MF_LOW_1(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define MF_HIGH_1(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define MF_LOW_2(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define MF_HIGH_2(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define MF_LOW_4(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define MF_HIGH_4(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)

static inline void mf_transpose_f32x8(
    const float *restrict source, int64_t source_stride, float *restrict panel,
    int64_t panel_stride) {
  mf_f32x8 r[8], t[8];
  MF_UNROLLED
  for (int64_t i = 0; i < 8; ++i) {
    r[i] = *(const mf_f32x8 *)(source + i * source_stride);
  }
  MF_UNROLLED
  for (int64_t i = 0; i < 8; i += 4) {
    t[i] = MF_LOW_1(r[i], r[i + 1]);
    t[i + 1] = MF_HIGH_1(r[i], r[i + 1]);
    t[i + 2] = MF_LOW_1(r[i + 2], r[i + 3]);
    t[i + 3] = MF_HIGH_1(r[i + 2], r[i + 3]);
    r[i] = MF_LOW_2(t[i], t[i + 2]);
    r[i + 1] = MF_HIGH_2(t[i], t[i + 2]);
    r[i + 2] = MF_LOW_2(t[i + 1], t[i + 3]);
    r[i + 3] = MF_HIGH_2(t[i + 1], t[i + 3]);
  }
  MF_UNROLLED
  for (int64_t i = 0; i < 8; ++i) {
    t[i] = (i & 4) == 0 ? MF_LOW_4(r[i], r[i | 4]) : MF_HIGH_4(r[i ^ 4], r[i]);
  }
  MF_UNROLLED
  for (int64_t i = 0; i < 8; ++i) {
    *(mf_f32x8 *)(panel + i * panel_stride) = t[i];
  }
}

#undef MF_LOW_1
#undef MF_HIGH_1
#undef MF_LOW_2
#undef MF_HIGH_2
#undef MF_LOW_4
#undef MF_HIGH_4

static inline void mf_pack_transposed_f32x8(
    const float *restrict source, int64_t column_stride, int64_t columns, int64_t depth,
    float *restrict panel) {
  if (columns < 8 || depth < 8) {
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t j = 0; j < columns; ++j) {
        panel[k * columns + j] = source[j * column_stride + k];
      }
    }
    return;
  }
  for (int64_t j = 0; j < columns; j += 8) {
    const int64_t column = j + 8 <= columns ? j : columns - 8;
    for (int64_t k = 0; k < depth; k += 8) {
      const int64_t step = k + 8 <= depth ? k : depth - 8;
      mf_transpose_f32x8(
          source + column * column_stride + step, column_stride,
          panel + step * columns + column, columns);
    }
  }
}
