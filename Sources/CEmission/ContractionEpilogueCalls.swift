// SPDX-License-Identifier: Apache-2.0
//
// The epilogue of a packed contraction: a function over some rows and columns of C, called for each
// block of tiles as soon as its sums are complete, while the block is in the second-level cache.

import Scheduling

extension PackedContraction {
  /// Whether a kernel of `contraction` can apply an epilogue: C has rows of one length, one after
  /// the other, and each block of it is complete at one time.
  static func takesEpilogue(_ contraction: CanonicalContraction) -> Bool {
    contraction.outer.isEmpty && contraction.outerInner.isEmpty
      && contraction.columns.strideC == 1
      && contraction.rows.strideC == contraction.columns.extent
  }

  /// Writes the epilogue's function; returns the helpers that it calls.
  func writeEpilogue(to writer: inout ContractionWriter) -> [String] {
    guard let epilogue = contraction.epilogue else { return [] }
    let text = epilogue.text(named: "\(name)_epilogue")
    writer.lines(text.text)
    return text.requiredHelpers.sorted()
  }

  /// The epilogue's arrays besides C, as parameters of the kernel.
  func epilogueParameters() -> [String] {
    guard let epilogue = contraction.epilogue else { return [] }
    return epilogue.parameters.enumerated().dropFirst().map { number, parameter in
      "\(parameter.isWritten ? "" : "const ")\(parameter.dtype.cName) *restrict e\(number)"
    }
  }

  /// Writes the call for the tiles `tile_first ..< tile_last` of a column group.
  func writeEpilogueCall(
    _ group: ColumnGroup, firstColumn: String, to writer: inout ContractionWriter
  ) {
    guard let epilogue = contraction.epilogue else { return }
    let arrays = epilogue.parameters.indices.dropFirst().map { "e\($0)" }
    let arguments =
      ["c"] + arrays + ["row_first", "row_last", firstColumn, "\(firstColumn) + \(group.width)"]
    if blocking.depthCount == 1 {
      writer.call("\(name)_epilogue", arguments)
    } else {
      // Sums are complete after the last block of their terms.
      writer.when("start + \(blocking.depth) >= \(contraction.inner.extent)") {
        $0.call("\(name)_epilogue", arguments)
      }
    }
  }

  /// Declares the rows of the tiles `tile_first ..< tile_last`.
  func writeEpilogueRows(to writer: inout ContractionWriter) {
    if contraction.epilogue == nil { return }
    for end in ["first", "last"] {
      writer.integer("row_\(end)", tiling.rows.firstRow(ofTile: "tile_\(end)"))
    }
  }
}

extension RowSplit {
  /// The first row of the tile that a C expression counts.
  fileprivate func firstRow(ofTile tile: String) -> String {
    if tallCount == count { return "\(tile) * \(height)" }
    return "\(tile) * \(height - 1) + (\(tile) < \(tallCount) ? \(tile) : \(tallCount))"
  }
}
