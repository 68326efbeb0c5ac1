// SPDX-License-Identifier: Apache-2.0
//
// How one contraction is computed, decided once: from a shape and a machine follow the loops that are
// tiled (`CanonicalContraction`), the form of the kernel (`ContractionForm`), the register tiles
// (`RegisterTiling`) and, with one file for each form, blocks, units and scratch memory. A back end
// prints a plan and decides nothing.

import MixFuseShared

/// A contraction with all that its kernel's text says.
package struct ContractionPlan: Sendable {
  package let shape: ContractionShape
  package let machine: Machine
  /// The shape as one loop of each kind, with others around.
  package let contraction: CanonicalContraction
  package let form: ContractionForm

  /// Plans the kernel of `shape`.
  ///
  /// - Cost: a few hundred operations.
  package init(_ shape: ContractionShape, on machine: Machine) {
    self.shape = shape
    self.machine = machine
    contraction = CanonicalContraction(shape)
    form = ContractionForm(contraction, on: machine)
  }

  /// The kind of kernel, in words; for reports and tests.
  package var strategy: String { form.label + (shape.epilogue == nil ? "" : ", epilogue") }

  /// Number of units the work can be split into.
  ///
  /// The caller may hand any ranges of units to any threads: each element of C is computed in one
  /// unit, always in the same order of operations, so the bits do not depend on the split.
  package var splitCount: Int { form.blocks * contraction.outerCount }

  /// Bytes of scratch memory, aligned to 64, for each concurrent call; 0 if the kernel has no such
  /// parameter.
  package var scratchBytes: Int { form.scratchElements * shape.element.byteCount }

  /// The operands that kernels of their own may pack before.
  package var packedOperands: PackedOperands {
    switch form {
    case .packed(let plan): plan.packedOperands
    case .direct, .lane, .dot: PackedOperands()
    }
  }
}

extension ContractionPlan: Hashable {
  /// A plan follows from the shape and the machine.
  package static func == (lhs: Self, rhs: Self) -> Bool {
    lhs.shape == rhs.shape && lhs.machine == rhs.machine
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(shape) }
}

/// Which runtime helper copies a panel.
package enum PanelCopy: Hashable, Sendable {
  /// Lines are neighbours in the operand and in the panel.
  case tiles
  /// Terms are neighbours in the operand and in the panel.
  case rows
  /// Terms are neighbours in the operand, lines in the panel; blocks of `lanes` x `lanes`.
  case transposed(lanes: Int)
  case gathered
}

/// A kernel that copies an operand into panels, before contractions read them.
package struct PackingPlan: Hashable, Sendable {
  package let panels: PanelShape
  package let copy: PanelCopy

  package init(_ panels: PanelShape, on machine: Machine) {
    self.panels = panels
    if panels.linePitch != nil {
      copy = .rows
    } else if panels.lineStride == 1 {
      copy = .tiles
    } else if panels.termStride == 1 {
      let room = min(machine.lanes(panels.element), panels.width, panels.terms)
      copy = .transposed(lanes: Machine.transposedLanes(room, panels.element))
    } else {
      copy = .gathered
    }
  }

  /// Units of the work: the panels, block by block.
  package var splitCount: Int { panels.blockCount * panels.panelCount }
}
