// SPDX-License-Identifier: Apache-2.0
//
// Which form of kernel a contraction gets. The question is always the same: what has to be copied,
// and does enough arithmetic follow to pay for the copy? `Machine/ContractionLimits.swift` has the
// thresholds.

/// The forms of kernels, each with all that its text says.
package enum ContractionForm: Sendable {
  /// Operands are read in place.
  case direct(DirectPlan)
  /// The right operand, and the left one if that pays, is copied into panels.
  case packed(PackedPlan)
  /// Vector lanes run over a batch loop.
  case lane(LanePlan)
  /// Vector lanes run over the sum.
  case dot(DotPlan)

  /// Chooses the form of `contraction`.
  init(_ contraction: CanonicalContraction, on machine: Machine) {
    let facts = ContractionFacts(contraction, machine)
    if let lane = contraction.lane {
      self = .lane(LanePlan(contraction, lane: lane, model: facts.model))
    } else if facts.prefersDot {
      self = .dot(DotPlan(contraction, model: facts.model))
    } else if facts.prefersPacking {
      self = .packed(PackedPlan(contraction, facts.packedTiling, on: machine))
    } else {
      let isVector = facts.hasColumnVectors && facts.storesVectors
      self = .direct(
        DirectPlan(
          contraction, facts.tiling(isVector: isVector), innerBlock: facts.streamingBlock,
          on: machine))
    }
  }

  /// The form in words, for reports and tests.
  var label: String {
    switch self {
    case .direct(let plan): plan.innerBlock == nil ? "direct" : "direct, streaming"
    case .packed(let plan): plan.label
    case .lane: "lanes"
    case .dot: "dot products"
    }
  }

  /// Units of each separate product.
  var blocks: Int {
    switch self {
    case .direct(let plan): plan.blocks
    case .packed(let plan): plan.blocks
    case .lane(let plan): plan.blocks
    case .dot(let plan): plan.blocks
    }
  }

  /// Elements of scratch memory for each worker.
  var scratchElements: Int {
    switch self {
    case .direct(let plan): plan.scratchElements
    case .packed(let plan): plan.scratchElements
    case .lane, .dot: 0
    }
  }
}

/// Sizes and strides of a contraction as the choice of form sees them.
private struct ContractionFacts {
  let contraction: CanonicalContraction
  let machine: Machine
  let model: IssueModel

  init(_ contraction: CanonicalContraction, _ machine: Machine) {
    self.contraction = contraction
    self.machine = machine
    model = IssueModel(machine, contraction.element)
  }

  /// The cheapest register tiles, of vectors or of single columns.
  func tiling(isVector: Bool) -> RegisterTiling {
    .cheapest(
      rows: rows, columns: columns, depth: contraction.depth, isVector: isVector, model: model)
  }

  /// The cheapest register tiles of a kernel that packs.
  var packedTiling: RegisterTiling {
    let isCut = contraction.depth > Machine.shallowestBlock
    return .cheapest(
      rows: rows, columns: columns, depth: contraction.depth, isVector: true, model: model,
      widest: isCut
        ? machine.widestPackedTile(resultBytes: rows * columns * contraction.element.bytes)
        : IssueModel.widestTile)
  }

  private var rows: Int { contraction.rows.extent }
  private var columns: Int { contraction.columns.extent }
  /// Whether a vector of columns can be loaded from the right operand where it lies.
  var hasColumnVectors: Bool { contraction.columns.strideB == 1 || columns == 1 }
  /// Whether a vector of columns can be stored to C.
  var storesVectors: Bool { contraction.columns.strideC == 1 || columns == 1 }

  private var rightBytes: Int {
    contraction.depth * columns * contraction.element.bytes
  }

  /// Both operands are contiguous along the sum, and too few products share a vector of columns,
  /// or too few rows would share a transposed copy.
  var prefersDot: Bool {
    let inner = contraction.inner
    guard inner.strideA == 1, inner.strideB == 1, inner.extent >= Machine.shortestDot
    else { return false }
    if contraction.columns.strideC != 1 || machine.isNarrow(columns: columns, lanes: model.lanes) {
      return true
    }
    if hasColumnVectors { return false }
    return Machine.isTooFewForTransposing(rows: rows, steps: inner.extent)
  }

  var prefersPacking: Bool {
    guard contraction.canPack else { return false }
    let inner = contraction.inner
    if !hasColumnVectors { return inner.strideB == 1 || rows >= Machine.rowsForTransposedCopy }
    if contraction.hasCollidingLeft(machine) && columns > 2 * model.lanes { return true }
    if rightBytes <= machine.nearOperandBytes { return false }
    let rowBytes = inner.strideB * contraction.element.bytes
    if machine.collides(stride: rowBytes, steps: inner.extent) {
      return rows >= Machine.rowsForCollidingCopy
    }
    return rightBytes > machine.largeOperandBytes && rows >= Machine.rowsForLargeCopy
  }

  /// The number of inner steps per sweep when a large right operand is read once or twice.
  var streamingBlock: Int? {
    guard hasColumnVectors, contraction.outerInner.isEmpty, contraction.columns.strideC == 1
    else { return nil }
    return machine.streamingBlock(
      rightBytes: rightBytes, columns: columns, steps: contraction.inner.extent,
      lanes: model.lanes)
  }
}

extension CanonicalContraction {
  /// Whether a kernel that copies the right operand can write C: it stores vectors of columns.
  var canPack: Bool { columns.extent > 1 && columns.strideC == 1 }

  /// Whether a tile walks down a large left operand's lines, of which it uses a part, and all of
  /// them fall on the same few sets of the caches: the rest of a line is gone when it is wanted.
  func hasCollidingLeft(_ machine: Machine) -> Bool {
    let isLarge = rows.extent * depth * element.bytes > machine.largeOperandBytes
    return rows.strideA == 1 && isLarge
      && machine.collides(stride: inner.strideA * element.bytes, steps: inner.extent)
  }
}
