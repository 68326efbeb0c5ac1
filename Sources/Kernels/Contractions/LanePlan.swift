// SPDX-License-Identifier: Apache-2.0
//
// The lane form: vector lanes run over a batch loop that is contiguous in all three arrays, so
// many small products (the tasks of a meta-learning batch, say) are computed at once, each lane
// its own. Rows and columns are register-tiled: a tile of 4 x 5 vectors loads 9 vectors for 20
// multiplications. Strides of rows, columns and the sum are free.

/// A contraction whose vector lanes run over a batch loop.
package struct LanePlan: Sendable {
  package let contraction: CanonicalContraction
  package let rows: RowSplit
  /// Columns, spread over tiles in the way of rows.
  package let columns: RowSplit
  /// Elements per vector, at most the lanes of the machine.
  package let width: Int
  /// First lane and width of every vector.
  package let pieces: [ColumnPiece]

  /// Chooses the tile with the fewest cycles under `model`.
  init(_ contraction: CanonicalContraction, lane: ContractionDimension, model: IssueModel) {
    self.contraction = contraction
    var lanes = model.lanes
    while lanes > lane.extent { lanes /= 2 }
    width = lanes
    pieces = Self.pieces(lane.extent, lanes, mayOverlap: !contraction.accumulates)
    var best: (rows: RowSplit, columns: RowSplit, cycles: Double)?
    for height in 1...IssueModel.tallestLaneTile {
      for breadth in 1...IssueModel.widestLaneTile
      where height * breadth + min(height, breadth) + 2 <= model.registers {
        let rows = RowSplit(rows: contraction.rows.extent, limit: height)
        let columns = RowSplit(rows: contraction.columns.extent, limit: breadth)
        let cycles = model.laneCycles(rows, columns, depth: contraction.depth)
        if best.map({ cycles < $0.cycles * 0.99 }) ?? true { best = (rows, columns, cycles) }
      }
    }
    guard let best else { preconditionFailure("no lane tiling was tried") }
    (rows, columns) = (best.rows, best.columns)
  }

  /// Vectors of `width` over `extent` lanes.
  ///
  /// A remainder is done by a vector that overlaps the one before it, whose lanes are computed
  /// twice; when C is added to, by narrower vectors.
  private static func pieces(_ extent: Int, _ width: Int, mayOverlap: Bool) -> [ColumnPiece] {
    var result = (0..<extent / width).map { ColumnPiece(offset: $0 * width, width: width) }
    var rest = extent % width
    if rest > 0 && mayOverlap {
      return result + [ColumnPiece(offset: extent - width, width: width)]
    }
    var narrow = width / 2
    while rest > 0 {
      if narrow <= rest {
        result.append(ColumnPiece(offset: extent - rest, width: narrow))
        rest -= narrow
      }
      narrow /= 2
    }
    return result
  }

  package var splitsColumns: Bool { columns.count > rows.count }
  /// Units of each separate product.
  package var blocks: Int { splitsColumns ? columns.count : rows.count }

  /// How a long sum is cut.
  package var sumBlocks: SumBlocks? {
    SumBlocks.steps(contraction.outerInner.map(\.extent) + [contraction.inner.extent])
  }
}
