// SPDX-License-Identifier: Apache-2.0
//
// From what sizes on a contraction is computed in another way: what has to be copied, and whether
// enough arithmetic follows to pay for the copy. Measured with `Benchmarks/kernels/bench.py` on Zen 3
// and Zen 5; sizes are ratios to the caches, numbers of rows ratios of the cost of copying an element
// to that of using it, so they hold on other machines.

package import MixFuseShared

extension Machine {
  // MARK: Reading in place

  /// Bytes of a right operand that stays in the first-level cache beside tiles and a row of C.
  var nearOperandBytes: Int { firstCacheBytes * 3 / 4 }
  /// Bytes of an operand that does not stay in the second-level cache while another passes by.
  var largeOperandBytes: Int { secondCacheBytes / 2 }
  /// Rows that pay for copying a large right operand, one whose rows collide in the cache, and one
  /// whose columns are no neighbours.
  static let rowsForLargeCopy = 12, rowsForCollidingCopy = 8, rowsForTransposedCopy = 3
  /// Reads of a factor, one for each row of windows, that pay for laying it out as they read it.
  package static let readsForLayout = 4

  /// Distances that are multiples of this fall on two sets of the first-level cache (8 ways).
  private var collidingBytes: Int { firstCacheBytes / 16 }

  /// Whether a walk of `steps` elements at a distance of `bytes` stays on a few sets of the caches.
  func collides(stride bytes: Int, steps: Int) -> Bool {
    bytes > 0 && bytes % collidingBytes == 0 && steps > 64
  }

  /// Inner steps of one sweep over a large right operand that is read once or twice; `nil` if it is
  /// not large. A sweep reads whole rows of eight vectors at least, so the hardware prefetches them.
  func streamingBlock(rightBytes: Int, columns: Int, steps: Int, lanes: Int) -> Int? {
    rightBytes > secondCacheBytes && columns > 8 * lanes && steps > 32 ? 16 : nil
  }

  // MARK: Dot products

  /// Terms of a sum that is worth vector lanes.
  static let shortestDot = 8

  /// Whether too few products share a vector of columns.
  func isNarrow(columns: Int, lanes: Int) -> Bool { columns <= lanes / 4 }

  /// Whether too few rows would share a transposed copy of the right operand.
  static func isTooFewForTransposing(rows: Int, steps: Int) -> Bool {
    rows <= 4 || (rows <= 8 && steps >= 256)
  }

  // MARK: Blocks of packed products

  /// Inner steps that a block has at least: fewer would read and write C too often.
  static let shallowestBlock = 128

  /// Inner steps of a block at most, where a step reads `bytes` of the panel of the right operand: it
  /// should stay in the first-level cache while tiles pass by.
  func deepestBlock(panelRow bytes: Int) -> Int {
    min(3 * Self.shallowestBlock, max(Self.shallowestBlock, firstCacheBytes / bytes))
  }

  /// Vectors of columns of a tile at most, where the sum is cut into blocks: a panel of the shallowest
  /// has room in the first-level cache. 80 columns of f32 were measured slower than 48 or 64. Blocks
  /// are deeper, hence panels narrower, where every block has to fetch C from memory: at 4096 x 4096,
  /// 48 columns beat 64 by a tenth.
  func widestPackedTile(resultBytes: Int) -> Int {
    let isFar = resultBytes > 8 * secondCacheBytes
    let depth = isFar ? Self.shallowestBlock * 5 / 4 : Self.shallowestBlock
    return min(max(firstCacheBytes / (depth * vectorBytes), 1), IssueModel.widestTile)
  }

  /// Bytes of a block of the left operand, and of the part of C that an epilogue still finds in the
  /// second-level cache, if one worker of `cores` makes it.
  var leftBlockBytes: Int { secondCacheBytes / 2 }
  var epilogueBytes: Int { secondCacheBytes / 4 }
  /// Bytes of a block of the right operand: the workers read it from the cache that they share.
  var rightBlockBytes: Int { lastCacheBytes / 8 }

  /// Whether a left operand is worth packing where enough column groups read it: it does not stay in
  /// the caches, or its rows collide there.
  func isWorthPackingLeft(bytes: Int, stride: Int) -> Bool {
    let isAwkward = stride % collidingBytes == 0 && bytes > firstCacheBytes
    return isAwkward || bytes > secondCacheBytes / 4
  }
  /// Column groups that pay for packing the left operand.
  static let groupsForLeftCopy = 4

  /// Units of which every worker gets its share, evenly enough.
  var manyUnits: Int { 4 * cores }
  /// Time to copy an element into a panel, as a multiple of the time to read it from one.
  static let costOfPacking = 3

  // MARK: Fetching C

  /// Steps between fetching C and using it: some 500 cycles, the latency of memory.
  static let stepsAfterPrefetch = 40

  /// Whether rows of C at a distance of `bytes` fall on the same set of the first-level cache. Fetched
  /// when a tile begins, they would be gone when it ends, as a whole panel passes through that set.
  /// With vectors of 16 bytes a late fetch was measured slower by an eighth.
  func fetchesLate(resultRow bytes: Int, vector: Int) -> Bool {
    vector > 16 && bytes % (2 * collidingBytes) == 0
  }

  // MARK: Sums in memory

  /// Elements of C up to which blocks of products that are added in memory are kept apart from it: the
  /// two arrays that takes are scratch memory of every worker, four first-level caches of f32.
  var mostElementsApart: Int { firstCacheBytes / 2 }
  /// Sweeps over a right operand that is streamed whose products make a block.
  static let sweepsOfBlock = 24

  // MARK: Transposing

  /// Side of the squares that are transposed in registers: the largest that fits into `room`
  /// elements. What is smaller goes element by element.
  package static func transposedLanes(_ room: Int, _ element: FloatType) -> Int {
    var lanes = 16 / element.byteCount
    while lanes * 2 <= room { lanes *= 2 }
    return lanes
  }
}
