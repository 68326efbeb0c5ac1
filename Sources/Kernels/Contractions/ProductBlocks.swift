// SPDX-License-Identifier: Apache-2.0
//
// Long sums of products that kernels add up in memory, some steps at a time: blocks of them are kept
// apart from C, in scratch memory, and added to it with what rounding takes (`SumBlocks.swift` says
// why). Only for small C: of a large one it would be much memory, and sums as long as that would take
// minutes.

/// The blocks of a contraction that adds up some products at a time.
package struct ProductBlocks: Hashable, Sendable {
  /// Additions to memory that make a block, and all of them.
  package let size: Int, count: Int
  /// Elements of a block, and as many of the errors, which follow it in scratch memory.
  package let elements: Int
  /// Distance between the rows of the block.
  package let rowStride: Int

  /// `nil` if the sum is short, or if C is large.
  ///
  /// - Parameters:
  ///   - depth: products of one addition to memory, of which there are `count`.
  ///   - products: products of a block.
  init?(
    _ contraction: CanonicalContraction, depth: Int, count: Int,
    products: Int = SumBlocks.productsApart, on machine: Machine
  ) {
    let elements = contraction.rows.extent * contraction.columns.extent
    size = max(1, products / depth)
    guard count * depth > 2 * SumBlocks.productsApart, count > 2 * size,
      elements <= machine.mostElementsApart, contraction.columns.strideC == 1
    else { return nil }
    self.count = count
    self.elements = elements.roundedUp(to: Machine.areaElements)
    rowStride = contraction.columns.extent
  }

  /// Elements of scratch memory.
  package var scratchElements: Int { 2 * elements }
}
