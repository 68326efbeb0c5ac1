// SPDX-License-Identifier: Apache-2.0
//
// The layout into which an operand of a contraction is copied before tiles read it: panels, each of
// which holds some neighbouring lines (rows of the left operand, columns of the right one) of one
// block of the sum. Like `ContractionShape` it is all numbers, known when the kernel is written. A
// contraction's plan says which panels it reads (`PackedOperands`), `PackingPlan` how they are made.
//
//   block 0: panel 0, panel 1, ... | block 1: panel 0, panel 1, ... | ...

/// An operand and the panels it is copied into. It is also the body of the kernel that does so:
/// two contractions whose shapes name equal panels of one array can read one copy.
package struct PanelShape: Sendable, Hashable {
  /// Float type of the operand.
  package var element: ContractionElement
  /// Number of lines, and elements of the operand from one to the next.
  package var lines: Int, lineStride: Int
  /// Terms of the sum, and elements of the operand from one to the next.
  package var terms: Int, termStride: Int
  /// Lines of a panel: the first `wideCount` panels of a block have `width`, the others
  /// `narrowWidth`.
  package var width: Int, wideCount: Int
  package var narrowWidth: Int, narrowCount: Int
  /// Terms of a block; the last block may have fewer.
  package var depth: Int
  /// Elements from one line of a panel to the next, where the terms of a line are neighbours; nil
  /// where the lines are: then each term follows the one before without a gap.
  package var linePitch: Int?
  /// Elements from one panel to the next, and from one block to the next.
  package var panelSize: Int, blockSize: Int

  package init(
    element: ContractionElement, lines: (extent: Int, stride: Int),
    terms: (extent: Int, stride: Int), wide: (width: Int, count: Int),
    narrow: (width: Int, count: Int), depth: Int, linePitch: Int? = nil, panelSize: Int,
    blockSize: Int
  ) {
    self.element = element
    (self.lines, lineStride) = lines
    (self.terms, termStride) = terms
    (width, wideCount) = wide
    (narrowWidth, narrowCount) = narrow
    self.depth = depth
    self.linePitch = linePitch
    self.panelSize = panelSize
    self.blockSize = blockSize
  }

  /// Panels of a block.
  package var panelCount: Int { wideCount + narrowCount }
  package var blockCount: Int { (terms + depth - 1) / depth }
  /// Elements of all panels, gaps included.
  package var elementCount: Int { blockCount * blockSize }
  /// Elements of the operand.
  package var operandCount: Int { lines * terms }
}

/// What a plan says of the operands of a contraction that is computed from panels.
package struct PackedOperands: Sendable {
  /// An operand that can be packed by a kernel of its own.
  package struct Operand: Sendable {
    package var panels: PanelShape
    /// Whether every worker of a call would pack all of it for itself, rather than its own part.
    package var isRepeated: Bool

    package init(_ panels: PanelShape, isRepeated: Bool) {
      self.panels = panels
      self.isRepeated = isRepeated
    }
  }

  /// `nil` for an operand that is read where it lies.
  package var a: Operand?, b: Operand?
  /// The length of the rows of C, if they lie one after the other and the kernel can apply an
  /// epilogue to them; otherwise `nil`.
  package var resultColumns: Int?

  package init(a: Operand? = nil, b: Operand? = nil, resultColumns: Int? = nil) {
    self.a = a
    self.b = b
    self.resultColumns = resultColumns
  }
}
