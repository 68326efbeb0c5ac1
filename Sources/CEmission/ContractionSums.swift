// SPDX-License-Identifier: Apache-2.0
//
// Long sums of products that kernels add up in memory, some steps at a time: blocks of them are kept
// apart from C, in scratch memory, and added to it with what rounding takes (`SumBlocks.swift` says
// why). Only for small C: of a large one it would be much memory, and sums as long as that would take
// minutes.

import Scheduling

/// The blocks of a contraction that adds up `depth` products at a time.
struct ProductBlocks {
  let contraction: CanonicalContraction
  /// Additions to memory that make a block, and all of them.
  let size: Int, count: Int
  /// Where in scratch memory the block and the errors lie, in elements.
  let offset: Int

  /// `nil` if the sum is short, or if C is large.
  ///
  /// - Parameters:
  ///   - depth: products of one addition to memory, of which there are `count`.
  ///   - products: products of a block.
  init?(
    _ contraction: CanonicalContraction, depth: Int, count: Int,
    products: Int = SumBlocks.productsApart, after offset: Int
  ) {
    let elements = contraction.rows.extent * contraction.columns.extent
    size = max(1, products / depth)
    guard count * depth > 2 * SumBlocks.productsApart, count > 2 * size,
      elements <= SumBlocks.mostElementsApart, contraction.columns.strideC == 1
    else { return nil }
    (self.contraction, self.count, self.offset) = (contraction, count, offset)
  }

  private var elements: Int {
    (contraction.rows.extent * contraction.columns.extent).roundedUp(to: 16)
  }

  /// Elements of scratch memory.
  var scratchElements: Int { 2 * elements }
  var helper: String { "mf_add_block_\(contraction.element.rawValue)" }
  /// Distance between the rows of the block.
  var rowStride: Int { contraction.columns.extent }

  /// Declares `block` and `error`.
  func writePointers(to writer: inout ContractionWriter) {
    writer.writePointer("block", writer.address("scratch", [], plus: offset))
    writer.writePointer("error", writer.address("scratch", [], plus: offset + elements))
  }

  /// Whether the addition of number `number` adds to a block that has begun.
  func adds(_ number: String) -> String { "(\(number)) % \(size) > 0" }

  /// After the addition of number `number`, if it ends a block: adds the block to C in the given rows
  /// and columns, C expressions for the first and the end.
  func writeEnd(
    _ number: String, rows: (String, String), columns: (String, String),
    to writer: inout ContractionWriter
  ) {
    writer.integer("number", number)
    writer.when("number % \(size) == \(size - 1) || number == \(count - 1)") { writer in
      writer.integer("first_row", rows.0)
      writer.integer("first_column", columns.0)
      let place = writer.index([("first_row", rowStride), ("first_column", 1)])
      let target = writer.address(
        "result", [("first_row", contraction.rows.strideC), ("first_column", 1)])
      writer.call(
        helper,
        [
          "block + \(place)", "error + \(place)", "\(rowStride)", target,
          "\(contraction.rows.strideC)", "\(rows.1) - first_row",
          "\(columns.1) - first_column", "number < \(size)", "number == \(count - 1)",
          contraction.accumulates ? "0" : "1",
        ])
    }
  }
}
