// mf_pack_transposed_f32x16
// requires: mf_library mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// Copies `columns` x `depth` elements that are contiguous along the depth to a dense panel that
// is contiguous along the columns: panel[k * columns + j] = source[j * column_stride + k].
// Blocks of 16 x 16 are transposed in registers. At the edges blocks overlap, which is cheaper
// than narrower ones; a panel smaller than a block is copied element by element.

// LOW_n and HIGH_n join two vectors' even or odd runs of n elements, within 128 bits for n = 1, 2.
#define MF_LOW_1(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define MF_HIGH_1(a, b) \
  __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define MF_LOW_2(a, b) \
  __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define MF_HIGH_2(a, b) \
  __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define MF_LOW_4(a, b) \
  __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)
#define MF_HIGH_4(a, b) \
  __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31)
#define MF_LOW_8(a, b) \
  __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define MF_HIGH_8(a, b) \
  __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)

static inline void mf_transpose_f32x16(
    const float *restrict source, int64_t source_stride, float *restrict panel,
    int64_t panel_stride) {
  mf_f32x16 r[16], t[16];
  MF_UNROLLED
  for (int64_t i = 0; i < 16; ++i) {
    r[i] = *(const mf_f32x16 *)(source + i * source_stride);
  }
  MF_UNROLLED
  for (int64_t i = 0; i < 16; i += 4) {
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
  for (int64_t i = 0; i < 16; ++i) {
    t[i] = (i & 4) == 0 ? MF_LOW_4(r[i], r[i | 4]) : MF_HIGH_4(r[i ^ 4], r[i]);
  }
  MF_UNROLLED
  for (int64_t i = 0; i < 16; ++i) {
    r[i] = (i & 8) == 0 ? MF_LOW_8(t[i], t[i | 8]) : MF_HIGH_8(t[i ^ 8], t[i]);
  }
  MF_UNROLLED
  for (int64_t i = 0; i < 16; ++i) {
    *(mf_f32x16 *)(panel + i * panel_stride) = r[i];
  }
}

#undef MF_LOW_1
#undef MF_HIGH_1
#undef MF_LOW_2
#undef MF_HIGH_2
#undef MF_LOW_4
#undef MF_HIGH_4
#undef MF_LOW_8
#undef MF_HIGH_8

static inline void mf_pack_transposed_f32x16(
    const float *restrict source, int64_t column_stride, int64_t columns, int64_t depth,
    float *restrict panel) {
  if (columns < 16 || depth < 16) {
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t j = 0; j < columns; ++j) {
        panel[k * columns + j] = source[j * column_stride + k];
      }
    }
    return;
  }
  for (int64_t j = 0; j < columns; j += 16) {
    const int64_t column = j + 16 <= columns ? j : columns - 16;
    for (int64_t k = 0; k < depth; k += 16) {
      const int64_t step = k + 16 <= depth ? k : depth - 16;
      mf_transpose_f32x16(
          source + column * column_stride + step, column_stride,
          panel + step * columns + column, columns);
    }
  }
}
