// mf_pack_transposed_f32x4
// requires: mf_library mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// Copies `columns` x `depth` elements that are contiguous along the depth to a dense panel that
// is contiguous along the columns: panel[k * columns + j] = source[j * column_stride + k].
// Blocks of 4 x 4 are transposed in registers. At the edges blocks overlap, which is cheaper
// than narrower ones; a panel smaller than a block is copied element by element.

// LOW_n and HIGH_n join two vectors' even or odd runs of n elements, within 128 bits for n = 1, 2.
#define MF_LOW_1(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define MF_HIGH_1(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define MF_LOW_2(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define MF_HIGH_2(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)

static inline void mf_transpose_f32x4(
    const float *restrict source, int64_t source_stride, float *restrict panel,
    int64_t panel_stride) {
  mf_f32x4 r[4], t[4];
  MF_UNROLLED
  for (int64_t i = 0; i < 4; ++i) {
    r[i] = *(const mf_f32x4 *)(source + i * source_stride);
  }
  MF_UNROLLED
  for (int64_t i = 0; i < 4; i += 4) {
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
  for (int64_t i = 0; i < 4; ++i) {
    *(mf_f32x4 *)(panel + i * panel_stride) = r[i];
  }
}

#undef MF_LOW_1
#undef MF_HIGH_1
#undef MF_LOW_2
#undef MF_HIGH_2

static inline void mf_pack_transposed_f32x4(
    const float *restrict source, int64_t column_stride, int64_t columns, int64_t depth,
    float *restrict panel) {
  if (columns < 4 || depth < 4) {
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t j = 0; j < columns; ++j) {
        panel[k * columns + j] = source[j * column_stride + k];
      }
    }
    return;
  }
  for (int64_t j = 0; j < columns; j += 4) {
    const int64_t column = j + 4 <= columns ? j : columns - 4;
    for (int64_t k = 0; k < depth; k += 4) {
      const int64_t step = k + 4 <= depth ? k : depth - 4;
      mf_transpose_f32x4(
          source + column * column_stride + step, column_stride,
          panel + step * columns + column, columns);
    }
  }
}
