// SPDX-License-Identifier: Apache-2.0
//
// The direct form: operands are read where they lie. It is the right one when the right operand has
// unit stride along columns and is small or used for few rows, so that copying it into panels would
// cost more than it saves. With arrays that have no unit stride it still works, one column at a time.

/// A contraction that reads its operands in place.
package struct DirectPlan: Sendable {
  package let contraction: CanonicalContraction
  package let tiling: RegisterTiling
  /// Inner steps done for all columns before going on, where a long sum over a right operand
  /// larger than the cache should stream through it row by row; nil: the whole sum at once.
  package let innerBlock: Int?
  /// Blocks of a long sum that is streamed.
  package let apart: ProductBlocks?

  init(
    _ contraction: CanonicalContraction, _ tiling: RegisterTiling, innerBlock: Int?,
    on machine: Machine
  ) {
    self.contraction = contraction
    self.tiling = tiling
    self.innerBlock = innerBlock
    apart = innerBlock.flatMap { depth in
      let count = (contraction.inner.extent + depth - 1) / depth
      return ProductBlocks(
        contraction, depth: depth, count: count, products: Machine.sweepsOfBlock * depth,
        on: machine)
    }
  }

  /// Whether units are column groups rather than row tiles: whichever there are more of.
  package var splitsColumns: Bool { tiling.columns.count > tiling.rows.count }
  /// Units of each separate product.
  package var blocks: Int { splitsColumns ? tiling.columns.count : tiling.rows.count }

  /// Whether the kernel goes down the rows once.
  package var isOneStrip: Bool {
    !splitsColumns && innerBlock == nil && tiling.columns.mainCount == 1
      && tiling.columns.rest == nil
  }

  package var scratchElements: Int { apart?.scratchElements ?? 0 }
}
