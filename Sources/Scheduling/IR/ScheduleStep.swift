// SPDX-License-Identifier: Apache-2.0
//
// One step of a region: its work, what it reads and what it writes. Addresses come later.

import TensorIR

/// A step of a region. Each becomes a kernel call, but loops, which hold steps of their own.
enum ScheduleStep {
  case cluster(Cluster)
  case contraction(ScheduledContraction)
  case lone(ScheduledLoneOp)
  /// Checks and clamps positions.
  case check(node: Node, indices: Binding)
  /// Operands are contiguous.
  case attention(node: Node, operands: [View])
  case copy(ScheduledCopy)
  case loop(ScheduledLoop)
  /// Copies an operand of contractions into panels: see `PackOperands.swift`.
  case packing(ScheduledPacking)
}

/// A contraction, with what passes have added to it.
struct ScheduledContraction {
  var node: Node
  /// Of the result.
  var type: TensorType
  var lhs: View, rhs: View
  /// Copies of the operands that are read in their stead.
  var panels = ContractionPanels()
  /// What is done with each block of the result: see `FuseEpilogues.swift`.
  var epilogue: Cluster?
}

/// An op with a loop nest of its own: see `LoneOps.swift`.
struct ScheduledLoneOp {
  var op: LoneOp
  var node: Node
  var operands: [View]
}

/// Writes what `source` reads into the window `destination` of a value.
struct ScheduledCopy {
  var source: Binding
  var shape: [Int]
  var dtype: DType
  var destination: View
  var provenance: Provenance
}

/// A loop with the schedule of its body. Operands are contiguous views, constants or step indices; the
/// results of carries hold the first values when it begins.
struct ScheduledLoop {
  var node: Node
  var loop: Loop
  var operands: [Binding]
  var body: RegionSchedule
  let variable: LoopVariable
  /// Whether iterations run on several workers.
  let isParallel: Bool
  /// Panels packed before the loop, and what they are in the body.
  var panels: [(outer: ValueID, inner: ValueID)] = []

  /// A loop around this one whose index is the number of iterations to run; `nil` for all.
  var limit: LoopVariable? {
    guard loop.isLimited, case .stepIndex(let variable)? = operands.last else { return nil }
    return variable
  }
}

/// A copy of an operand into panels.
struct ScheduledPacking {
  var operand: PackingKey
  var destination: ValueID
  /// Of the first contraction that reads the panels.
  var provenance: Provenance
}

extension ScheduleStep {
  /// The values that the step reads from memory, with repetitions; not what it makes itself.
  var reads: [ValueID] {
    switch self {
    case .cluster(let cluster): cluster.viewsOfOthers.map(\.root)
    case .contraction(let contraction):
      contraction.operandsRead + (contraction.epilogue?.viewsOfOthers.map(\.root) ?? [])
    case .lone(let lone): lone.operands.map(\.root)
    case .check(_, let indices): [indices].compactMap(\.root)
    case .attention(_, let operands): operands.map(\.root)
    case .copy(let copy): [copy.source].compactMap(\.root)
    case .loop(let loop): loop.operandsRead + loop.panels.map(\.outer)
    case .packing(let packing): [packing.operand.root]
    }
  }

  /// The values that the step makes, those that stay in registers included.
  var writes: [ValueID] {
    switch self {
    case .cluster(let cluster): cluster.entries.map(\.result)
    case .contraction(let contraction):
      [contraction.node.result] + (contraction.epilogue?.entries.map(\.result) ?? [])
    case .lone(let lone): lone.node.results
    case .check(let node, _): node.results
    case .attention(let node, _): node.results
    case .copy(let copy): [copy.destination.root]
    case .loop(let loop): loop.node.results
    case .packing(let packing): [packing.destination]
    }
  }

  /// The elementwise work and reductions of the step: its own, or as an epilogue.
  var cluster: Cluster? {
    switch self {
    case .cluster(let cluster): cluster
    case .contraction(let contraction): contraction.epilogue
    case .lone, .check, .attention, .copy, .loop, .packing: nil
    }
  }

  /// Where the step comes from in the spec.
  var provenance: Provenance {
    switch self {
    case .cluster(let cluster): cluster.provenance
    case .contraction(let contraction):
      contraction.epilogue?.provenance ?? contraction.node.provenance
    case .lone(let lone): lone.node.provenance
    case .check(let node, _), .attention(let node, _): node.provenance
    case .copy(let copy): copy.provenance
    case .loop(let loop): loop.node.provenance
    case .packing(let packing): packing.provenance
    }
  }
}

extension ScheduledContraction {
  /// The operands that the kernel reads itself, in its order: panels where there are some.
  var operandsRead: [ValueID] {
    let lowered = LoweredContraction(self)
    return [panels.a ?? lowered.a.root, panels.b ?? lowered.b.root]
  }
}

extension ScheduledLoop {
  /// The values that the loop reads before its first iteration or during it. What the results of
  /// carries start from is read by the copies before it, or is there already.
  var operandsRead: [ValueID] { operands.compactMap(\.root) }

  /// The results in which carries live, by position.
  func carry(_ position: Int) -> ValueID { node.results[position] }
}
