// SPDX-License-Identifier: Apache-2.0
//
// Long sums. One running total loses a little of every term once it is much larger than they are: the
// error grows with the number of terms. So a long sum is made of blocks of fixed size, and what
// rounding takes from the total when a block is added is kept beside it and added with the next:
//
//   before:  for i in 0 ..< n: sum += x[i]
//   after:   for each block: part = 0; for i in the block: part += x[i]
//                            sum, error = two_sum(sum, part + error)
//            sum += error
//
// The error is that of a block and one rounding, however many blocks there are. Blocks follow from
// extents alone, so the bits are the same for any number of workers. Short sums are left as they are.
//
// Source: Knuth, The Art of Computer Programming, volume 2, section 4.2.2, theorem B (two_sum).

package import TensorIR

/// Which of the loops that add up one number is cut into blocks, and how.
package struct SumBlocks: Hashable, Sendable {
  /// The loop that is cut, counted from the outermost of those given.
  package let level: Int
  /// Its iterations in one block.
  package let size: Int

  /// Cuts loops of the given extents, outermost first; `nil` if the sum needs no blocks.
  ///
  /// - Parameters:
  ///   - terms: terms of a block at most.
  ///   - longest: terms of a sum that is not worth cutting.
  ///   - areEven: whether blocks of less than `terms` are better if that makes all alike.
  package init?(extents: [Int], terms: Int, longest: Int, areEven: Bool = false) {
    guard extents.reduce(1, *) > longest else { return nil }
    var inside = 1
    for (level, extent) in extents.enumerated().reversed() {
      if inside * extent > terms {
        self.level = level
        let most = max(1, terms / inside)
        size = areEven ? Self.evenSize(atMost: most, of: extent) : most
        return
      }
      inside *= extent
    }
    return nil
  }

  /// The largest size that divides the loop, unless it is less than half of what is allowed: blocks
  /// that are all alike have a known number of iterations, which compilers unroll.
  private static func evenSize(atMost most: Int, of extent: Int) -> Int {
    (most / 2 + 1...most).last { extent % $0 == 0 } ?? most
  }

  /// Of a row, which is added up in many vector lanes at once: 32 terms or so for each of them.
  package static func row(_ extents: [Int]) -> SumBlocks? {
    SumBlocks(extents: extents, terms: 2048, longest: 4096, areEven: true)
  }

  /// Of sums in memory, one term after the other.
  package static func memory(_ extents: [Int]) -> SumBlocks? {
    SumBlocks(extents: extents, terms: 64, longest: 128, areEven: true)
  }

  /// Of products, one step after the other in each of many sums.
  package static func steps(_ extents: [Int]) -> SumBlocks? {
    SumBlocks(extents: extents, terms: 256, longest: 1024)
  }

  /// Of products, `atOnce` neighbouring ones in a step.
  package static func vectors(_ extents: [Int], atOnce: Int) -> SumBlocks? {
    SumBlocks(extents: extents, terms: 128 * atOnce, longest: 256 * atOnce)
  }

  /// Products of such a block.
  package static let productsApart = 3072

  /// Updates of a scatter that may all meet in one row: from there on each is added with what rounding
  /// takes from the row kept beside it, if the stack has room for a second table.
  package static func keepsErrors(ofUpdates count: Int, table: TensorType) -> Bool {
    table.dtype.isFloat && count > 128 && table.byteCount <= Machine.stackBytesOfSums
  }
}
