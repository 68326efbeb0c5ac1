// SPDX-License-Identifier: Apache-2.0
//
// How large the tiles of attention are. Measured with `Benchmarks/kernels/attention.py` on Zen 5.

import TensorIR

extension Machine {
  /// Queries and keys of a tile at most. Tiles of 64 x 64 amortise their overheads and waste little on
  /// the diagonal of a long sequence; the masked halves of a short one's cost more than smaller tiles
  /// do. So do the masked corners of a narrow window.
  static func widestAttentionTile(queries: Int, _ scores: AttentionScores) -> Int {
    let isNarrow = scores.window.map { $0 <= 64 } ?? false
    return (scores.isCausal && queries <= 256) || isNarrow ? 32 : 64
  }

  /// Tiles of queries of a block at most: with four, copying keys is a small part of the time.
  static let mostTilesOfBlock = 4

  /// Bytes of the tiles of one worker: they stay in the second-level cache.
  var attentionBytes: Int { secondCacheBytes * 7 / 8 }
}
