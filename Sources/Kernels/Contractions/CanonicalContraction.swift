// SPDX-License-Identifier: Apache-2.0
//
// Brings a contraction to the form that kernels have: at most one row loop, one
// column loop and one tiled inner loop, with everything else as loops around them. Columns are
// made to be the loop along which C is contiguous, by exchanging the operands where needed.
//
// Before: batch [(25, 400, 0, 400)], rows [(10, 40, 0, 40)], columns [(40, 0, 1, 1)]
// After:  rows (250, 40, 0, 40), columns (40, 0, 1, 1): shared weights make tasks into rows.

/// A contraction with one loop of each kind.
///
/// A missing loop is one of extent 1 with strides 0. Strides speak of the *left* operand as A and
/// of the *right* operand as B, which `isSwapped` relates to the caller's.
package struct CanonicalContraction: Hashable, Sendable {
  package var element: ContractionElement
  package var accumulates: Bool
  /// Loops around the kernel, outermost first; any strides.
  package var outer: [ContractionDimension] = []
  package var rows: ContractionDimension
  package var columns: ContractionDimension
  /// Summed loops around the tiled inner loop, outermost first.
  package var outerInner: [ContractionDimension] = []
  package var inner: ContractionDimension
  /// Whether the left operand is the caller's B.
  package var isSwapped = false
  /// Whether an operand comes as panels, packed before.
  package var hasLeftPanels = false, hasRightPanels = false
  /// What is done with complete parts of C.
  package var epilogue: ContractionEpilogue?
  /// The loop that runs over vector lanes, unit-stride in all three arrays, if there is one.
  package var lane: ContractionDimension?

  package var readsPanels: Bool { hasLeftPanels || hasRightPanels }
  /// Number of separate products.
  package var outerCount: Int { outer.reduce(1) { $0 * $1.extent } }
  /// Number of terms of each sum.
  package var depth: Int { outerInner.reduce(inner.extent) { $0 * $1.extent } }
}

extension ContractionDimension {
  package static let single = ContractionDimension(extent: 1, strideA: 0, strideB: 0, strideC: 0)

  /// The same loop with the operands exchanged.
  package var swapped: ContractionDimension {
    ContractionDimension(extent: extent, strideA: strideB, strideB: strideA, strideC: strideC)
  }

  /// The one loop that visits what `self` as outer and `other` as inner loop visit, if it exists.
  func merged(outsideOf other: ContractionDimension) -> ContractionDimension? {
    let fits =
      strideA == other.strideA * other.extent && strideB == other.strideB * other.extent
      && strideC == other.strideC * other.extent
    guard fits else { return nil }
    var result = other
    result.extent *= extent
    return result
  }
}

extension CanonicalContraction {
  /// Chooses the tiled loops of `shape` and puts the rest around them.
  package init(_ shape: ContractionShape) {
    let everyLoop = shape.batch + shape.rows + shape.columns + shape.inner
    precondition(everyLoop.allSatisfy { $0.extent >= 1 }, "a contraction loop has extent 0")
    // A batch loop that an operand does not see is a row or column loop: more reuse per load.
    var rows = shape.rows + shape.batch.filter { $0.strideB == 0 && $0.strideA != 0 }
    var columns = shape.columns + shape.batch.filter { $0.strideA == 0 && $0.strideB != 0 }
    var batch = shape.batch.filter { ($0.strideA == 0) == ($0.strideB == 0) }
    var inner = Self.merged(shape.inner)
    rows = Self.merged(rows)
    columns = Self.merged(columns)
    batch = Self.merged(batch)

    let hasUnit = { (loops: [ContractionDimension]) in loops.contains { $0.strideC == 1 } }
    let isSwapped =
      !hasUnit(columns) && (hasUnit(rows) || (columns.isEmpty && !rows.isEmpty))
    if isSwapped {
      (rows, columns) = (columns.map(\.swapped), rows.map(\.swapped))
      (batch, inner) = (batch.map(\.swapped), inner.map(\.swapped))
    }
    let lane =
      hasUnit(columns) ? nil : batch.firstIndex(where: \.isLane).map { batch.remove(at: $0) }
    let column = Self.takeTiled(&columns) { ($0.strideC == 1 ? 1 : 0, $0.extent) }
    let row = Self.takeTiled(&rows) { (0, $0.extent) }
    let tiledInner = Self.takeTiled(&inner) {
      ($0.strideA == 1 || $0.strideB == 1 ? 1 : 0, $0.extent)
    }
    self.init(
      element: shape.element, accumulates: shape.accumulates, outer: batch + rows + columns,
      rows: row, columns: column, outerInner: inner, inner: tiledInner,
      isSwapped: isSwapped, hasLeftPanels: isSwapped ? shape.hasPanelsB : shape.hasPanelsA,
      hasRightPanels: isSwapped ? shape.hasPanelsA : shape.hasPanelsB, epilogue: shape.epilogue,
      lane: lane)
  }

  /// Drops loops of one step and joins loops that are one loop in every array.
  private static func merged(_ loops: [ContractionDimension]) -> [ContractionDimension] {
    var result = loops.filter { $0.extent > 1 }.sorted {
      ($0.strideC, $0.strideA, $0.strideB, $0.extent)
        > ($1.strideC, $1.strideA, $1.strideB, $1.extent)
    }
    var index = result.count - 1
    while index > 0 {
      if let joined = result[index - 1].merged(outsideOf: result[index]) {
        result[index - 1] = joined
        result.remove(at: index)
      }
      index -= 1
    }
    return result
  }

  /// Removes the loop that ranks highest from `loops`.
  private static func takeTiled(
    _ loops: inout [ContractionDimension], rank: (ContractionDimension) -> (Int, Int)
  ) -> ContractionDimension {
    guard let best = loops.indices.max(by: { rank(loops[$0]) < rank(loops[$1]) }) else {
      return .single
    }
    return loops.remove(at: best)
  }
}

extension ContractionDimension {
  /// Whether neighbouring steps are neighbouring elements of all three arrays.
  fileprivate var isLane: Bool { strideA == 1 && strideB == 1 && strideC == 1 }
}
