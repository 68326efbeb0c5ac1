// SPDX-License-Identifier: Apache-2.0
//
// The epilogue of a packed contraction: a function over some rows and columns of C, called for each
// block of tiles as soon as its sums are complete, while the block is in the second-level cache.

import Kernels

extension PackedContraction {
  /// Writes the epilogue's function; returns the helpers that it calls.
  func writeEpilogue(to writer: inout CWriter) -> [String] {
    guard let epilogue = contraction.epilogue else { return [] }
    let names = KernelArguments(arrays: ["c"] + operands(of: epilogue), indices: [])
    let text = epilogue.text(named: "\(name)_epilogue", called: names)
    writer.verbatim(text.text)
    return text.requiredHelpers.sorted()
  }

  /// The epilogue's arrays besides C, as parameters of the kernel.
  func epilogueParameters() -> [String] {
    guard let epilogue = contraction.epilogue else { return [] }
    return zip(epilogue.parameters.dropFirst(), operands(of: epilogue)).map { parameter, name in
      "\(parameter.isWritten ? "" : "const ")\(parameter.dtype.cName) *restrict \(name)"
    }
  }

  /// What the arrays besides C are called.
  private func operands(of epilogue: ContractionEpilogue) -> [String] {
    epilogue.parameters.indices.dropFirst().map { "operand\($0)" }
  }

  /// Writes the call for the tiles `tile_first ..< tile_last` of the column groups at hand: whole
  /// stretches of rows, since with one group at a time every few lines would be on another page.
  func writeEpilogueCall(to writer: inout CWriter) {
    guard let epilogue = contraction.epilogue else { return }
    let body = { (writer: inout CWriter) in
      for end in ["first", "last"] {
        writer.integer("row_\(end)", tiling.rows.firstRow(ofTile: "tile_\(end)"))
        writer.integer("column_\(end)", tiling.columns.firstColumn(ofGroup: "group_\(end)"))
      }
      let arrays = ["result"] + operands(of: epilogue)
      let ranges = ["row_first", "row_last", "column_first", "column_last"]
      writer.call("\(name)_epilogue", arrays + ranges)
    }
    if blocking.depthCount == 1 { return body(&writer) }
    // Sums are complete after the last block of their terms.
    writer.when("start + \(blocking.depth) >= \(contraction.inner.extent)", body)
  }
}

extension ColumnSplit {
  /// The first column of the group that a C expression counts, or the end of all.
  func firstColumn(ofGroup group: String) -> String {
    guard let rest else { return "\(group) * \(main.width)" }
    let extent = mainCount * main.width + rest.width
    return "\(group) <= \(mainCount) ? \(group) * \(main.width) : \(extent)"
  }
}

extension RowSplit {
  /// The first row of the tile that a C expression counts.
  func firstRow(ofTile tile: String) -> String {
    if tallCount == count { return "\(tile) * \(height)" }
    return "\(tile) * \(height - 1) + (\(tile) < \(tallCount) ? \(tile) : \(tallCount))"
  }
}
