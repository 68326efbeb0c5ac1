// SPDX-License-Identifier: Apache-2.0
//
// The statements of long sums of products whose blocks are kept apart from C (`ProductBlocks`).

import Kernels

/// Writes the statements around the additions to memory.
struct ProductBlockStatements {
  let contraction: CanonicalContraction
  let blocks: ProductBlocks
  /// Where in scratch memory the block and the errors lie, in elements.
  let offset: Int

  init(_ blocks: ProductBlocks, of contraction: CanonicalContraction, at offset: Int) {
    (self.blocks, self.contraction, self.offset) = (blocks, contraction, offset)
  }

  private var element: ContractionElement { contraction.element }
  var helper: String { "mf_add_block_\(element.rawValue)" }

  /// Declares `block` and `error`.
  func writePointers(to writer: inout CWriter) {
    writer.writePointer("block", to: element, Index.address("scratch", [], plus: offset))
    writer.writePointer(
      "error", to: element, Index.address("scratch", [], plus: offset + blocks.elements))
  }

  /// Whether the addition of number `number` adds to a block that has begun.
  func adds(_ number: String) -> String { "(\(number)) % \(blocks.size) > 0" }

  /// After the addition of number `number`, if it ends a block: adds the block to C in the given rows
  /// and columns, C expressions for the first and the end.
  func writeEnd(
    _ number: String, rows: (String, String), columns: (String, String),
    to writer: inout CWriter
  ) {
    writer.integer("number", number)
    writer.when("number % \(blocks.size) == \(blocks.size - 1) || number == \(blocks.count - 1)") {
      writer in
      writer.integer("first_row", rows.0)
      writer.integer("first_column", columns.0)
      let place = Index.sum([("first_row", blocks.rowStride), ("first_column", 1)])
      let target = Index.address(
        "result", [("first_row", contraction.rows.strideC), ("first_column", 1)])
      writer.call(
        helper,
        [
          "block + \(place)", "error + \(place)", "\(blocks.rowStride)", target,
          "\(contraction.rows.strideC)", "\(rows.1) - first_row",
          "\(columns.1) - first_column", "number < \(blocks.size)", "number == \(blocks.count - 1)",
          contraction.accumulates ? "0" : "1",
        ])
    }
  }
}
