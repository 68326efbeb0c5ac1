// mf_pack_tiles_f32, mf_pack_tiles_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Copies `depth` rows, `source_stride` elements apart, to `count` panels, each of which gets
// `height` neighbouring elements of every row: tile t of row k goes to panel[t * panel_size +
// k * height]. Eight rows are done for all panels before the next, so that the cache lines that
// two panels share are read once, and as many streams as the hardware prefetches.

static inline void mf_pack_tiles_f32(
    const float *restrict source, int64_t source_stride, int64_t depth, int64_t height,
    int64_t count, float *restrict panel, int64_t panel_size) {
  for (int64_t first = 0; first < depth; first += 8) {
    const int64_t last = first + 8 < depth ? first + 8 : depth;
    for (int64_t t = 0; t < count; ++t) {
      for (int64_t k = first; k < last; ++k) {
        for (int64_t i = 0; i < height; ++i) {
          panel[t * panel_size + k * height + i] = source[k * source_stride + t * height + i];
        }
      }
    }
  }
}
