// SPDX-License-Identifier: Apache-2.0
//
// The dot form: vector lanes run along the sum, which is contiguous in both operands. It serves
// matrix-vector products with a row-major matrix, single dot products, and products with so few
// rows that transposing the right operand would cost more than it saves. Every sum is made by the
// same fixed tree of additions, so results do not depend on how the work is split.

/// A contraction whose vector lanes run along the sum.
package struct DotPlan: Sendable {
  package let contraction: CanonicalContraction
  package let rows: RowSplit
  package let columns: RowSplit
  /// Elements per vector.
  package let width: Int
  /// Accumulators per sum, which take turns along the sum.
  package let copies: Int

  /// Chooses tiles that load little and keep enough additions in flight.
  init(_ contraction: CanonicalContraction, model: IssueModel) {
    self.contraction = contraction
    var lanes = model.lanes
    while lanes > contraction.inner.extent { lanes /= 2 }
    width = lanes
    let height = min(contraction.rows.extent, IssueModel.tallestDotTile)
    rows = RowSplit(rows: contraction.rows.extent, limit: height)
    let room = (model.registers - 1 - rows.height) / (rows.height + 1)
    columns = RowSplit(
      rows: contraction.columns.extent, limit: min(max(room, 1), IssueModel.widestDotTile))
    let accumulators = rows.height * columns.height
    var copies = 1
    while copies * accumulators < IssueModel.sumsInFlight
      && copies * 2 * lanes <= contraction.inner.extent
    {
      copies *= 2
    }
    self.copies = copies
  }

  package var splitsColumns: Bool { columns.count > rows.count }
  /// Units of each separate product.
  package var blocks: Int { splitsColumns ? columns.count : rows.count }

  /// How a long sum is cut.
  package var sumBlocks: SumBlocks? {
    SumBlocks.vectors(
      contraction.outerInner.map(\.extent) + [contraction.inner.extent], atOnce: width * copies)
  }
}
