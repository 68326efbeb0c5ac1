// SPDX-License-Identifier: Apache-2.0
//
// Liveness of a planned region: which step first writes each value and which last reads it, and
// which values need memory at all (most results inside a cluster live in registers).

import Kernels
import TensorIR

struct RegionUses {
  /// First step that writes a value.
  private(set) var firstWrite: [ValueID: Int] = [:]
  /// Last step that reads a value; `steps.count` for what leaves the region.
  private(set) var lastRead: [ValueID: Int] = [:]
  private(set) var needsStorage: Set<ValueID> = []
  /// Values that one traversal of a row makes and a later one reads, of rows that fit on the stack.
  private(set) var crossesPhases: Set<ValueID> = []
  /// Steps that read each value, increasing.
  private var readers: [ValueID: [Int]] = [:]
  /// The value whose array has a value that lives in a window; it is written and read with it.
  private var holders: [ValueID: ValueID] = [:]

  init(_ plan: RegionPlan, outputs: [ValueID]) {
    holders = plan.windows.mapValues(\.view.root)
    for (position, step) in plan.steps.enumerated() { visit(step, at: position, in: plan) }
    for output in outputs {
      if case .view(let view) = plan.bindings[output.index] {
        lastRead[view.root] = plan.steps.count
        needsStorage.insert(view.root)
      }
    }
    // Results nobody reads still need a place to be written to, if their step writes to memory.
    for (value, _) in firstWrite where plan.placement[value] == nil { needsStorage.insert(value) }
    needsStorage.formUnion(holders.keys)
    for (value, placement) in plan.placement {
      if case .memoryReduction = placement { needsStorage.insert(value) }
    }
  }

  private mutating func visit(_ step: PlannedStep, at position: Int, in plan: RegionPlan) {
    switch step {
    case .cluster(let cluster):
      visit(cluster, at: position, in: plan)
    case .contraction(let node, _, _), .gather(let node, _, _), .scatterAdd(let node, _, _),
      .attention(let node, _), .check(let node, _), .loop(let node, _):
      for root in plan.rootsRead(by: step) { read(root, at: position, storing: true) }
      for result in plan.graph.nodes[node].results { write(result, at: position) }
      if let epilogue = plan.epilogues[node] { visit(epilogue, at: position, in: plan) }
    case .packing(let packing):
      for root in step.rootsRead { read(root, at: position, storing: true) }
      write(packing.destination, at: position)
    case .copy(_, _, _, let destination, _):
      for root in step.rootsRead { read(root, at: position, storing: true) }
      write(destination.root, at: position)
    }
  }

  private mutating func visit(_ cluster: Cluster, at position: Int, in plan: RegionPlan) {
    var waiting = Set<ValueID>()
    defer { crossesPhases.formUnion(waiting) }
    for entry in cluster.entries {
      let node = plan.graph.nodes[entry.node]
      for operand in node.operands {
        guard case .view(let view) = plan.bindings[operand.index] else { continue }
        if plan.producer[view.root] != position {
          read(view.root, at: position, storing: true)
        } else if crossesPhase(view.root, reader: entry.placement, plan),
          plan.repeatedEntry(of: view.root, in: cluster) == nil
        {
          let bytes = cluster.rowElementCount * plan.types[view.root.index].dtype.byteCount
          let fitsOnStack =
            bytes <= Machine.stackBytesOfRow
            && (waiting.contains(view.root) || waiting.count < Machine.stackRows)
          if fitsOnStack { waiting.insert(view.root) }
          read(view.root, at: position, storing: !fitsOnStack)
        }
      }
      write(node.result, at: position)
    }
  }

  /// Whether a value made in one traversal of a row is read in a later one.
  private func crossesPhase(
    _ value: ValueID, reader: ClusterPlacement, _ plan: RegionPlan
  ) -> Bool {
    guard case .element(let made) = plan.placement[value] else { return false }
    switch reader {
    case .element(let phase), .rowReduction(let phase), .memoryReduction(let phase):
      return phase > made
    case .row: return false
    }
  }

  private mutating func read(_ value: ValueID, at position: Int, storing: Bool) {
    lastRead[value] = max(lastRead[value] ?? position, position)
    if readers[value]?.last != position { readers[value, default: []].append(position) }
    if storing { needsStorage.insert(value) }
    if let holder = holders[value] { read(holder, at: position, storing: storing) }
  }

  private mutating func write(_ value: ValueID, at position: Int) {
    if firstWrite[value] == nil { firstWrite[value] = position }
    if let holder = holders[value] { write(holder, at: position) }
  }

  /// Whether `new` may be made in the array of `old`, a carry whose next value it is: nothing may
  /// read `old` after the first write of `new`, except the very elements that are being replaced.
  func mayOverwrite(_ old: ValueID, with new: ValueID, in plan: RegionPlan) -> Bool {
    guard let first = firstWrite[new] else { return false }
    let last = readers[old]?.last ?? -1
    if last < first { return true }
    guard last == first, let cluster = plan.elementwiseWork(at: first), cluster.rowAxes == nil,
      case .element = plan.placement[new], !plan.rootsRead(by: plan.steps[first]).contains(old)
    else { return false }
    let whole = View(dense: old, shape: cluster.domain)
    return cluster.entries.allSatisfy { entry in
      plan.graph.nodes[entry.node].operands.allSatisfy { operand in
        guard case .view(let view) = plan.bindings[operand.index], view.root == old else {
          return true
        }
        return view == whole
      }
    }
  }
}

extension RegionPlan {
  /// The member of a cluster that makes a value, if every traversal of a row makes it for itself: a
  /// comparison of what is at hand, such as an index with a label, is less work than to keep it.
  func repeatedEntry(of value: ValueID, in cluster: Cluster) -> Cluster.Entry? {
    guard let entry = cluster.entries.first(where: { graph.nodes[$0.node].results == [value] }),
      case .element = entry.placement, case .compare = graph.nodes[entry.node].op
    else { return nil }
    let made = Set(cluster.entries.map { graph.nodes[$0.node].results[0] })
    let isAtHand = graph.nodes[entry.node].operands.allSatisfy { operand in
      bindings[operand.index]?.root.map { !made.contains($0) } ?? true
    }
    return isAtHand ? entry : nil
  }
}

extension RegionPlan {
  /// The cluster that a step is, or that it does as an epilogue.
  fileprivate func elementwiseWork(at position: Int) -> Cluster? {
    switch steps[position] {
    case .cluster(let cluster): cluster
    case .contraction(let node, _, _): epilogues[node]
    case .gather, .scatterAdd, .attention, .check, .copy, .loop, .packing: nil
    }
  }
}
