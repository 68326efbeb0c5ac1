// SPDX-License-Identifier: Apache-2.0
//
// Computes an elementwise value again in the cluster that reads it, instead of storing it in the
// cluster that makes it.
//
//   before:  cluster 1: %t = tanh %z; %y = %z * %t; store %t, %y
//            contraction of %y ...
//            cluster 3: %z_adj = %y_adj * (%t + %z * (1 - %t * %t)); load %t, %z
//   after:   cluster 3: %t' = tanh %z; ...
//
// A value of 8 MiB that is stored and loaded costs as much time as some hundred operations an
// element, and its memory. It is recomputed if all that it is computed from is at hand in memory
// anyway: inputs of the region, results of other steps that are still to be read later.

import Kernels
import TensorIR

/// What the planner must know of a graph before it visits the nodes.
struct RecomputationFacts {
  /// By value: whether a step other than a cluster, or the region's caller, reads it.
  private(set) var isStoredAnyway: [Bool]
  /// By value: the last node that reads it, directly or through a view; `Int.max` for inputs.
  private(set) var lastUse: [Int]
  /// By value: the node that makes it.
  private(set) var definition: [Int?]

  init(_ graph: Graph) {
    isStoredAnyway = [Bool](repeating: false, count: graph.types.count)
    lastUse = [Int](repeating: -1, count: graph.types.count)
    definition = [Int?](repeating: nil, count: graph.types.count)
    for output in graph.outputs { isStoredAnyway[output.index] = true }
    for (index, node) in graph.nodes.enumerated().reversed() {
      for result in node.results { definition[result.index] = index }
      for operand in node.operands {
        var last = index
        switch node.op {
        case .broadcast, .reshape, .transpose, .slice:
          let result = node.results[0].index
          last = max(last, lastUse[result])
          if isStoredAnyway[result] { isStoredAnyway[operand.index] = true }
        default:
          let isInCluster = node.op.isElementwise || node.op.family == .reduction
          if !isInCluster { isStoredAnyway[operand.index] = true }
        }
        lastUse[operand.index] = max(lastUse[operand.index], last)
      }
    }
    for input in graph.inputs { lastUse[input.index] = .max }
  }

  /// Whether a value is kept at least until a node is computed. Copies that the planner makes are
  /// not known here.
  func isAtHand(_ value: ValueID, for node: Int) -> Bool {
    value.index < lastUse.count && lastUse[value.index] >= node
  }
}

extension RegionPlan {
  /// Drops what clusters compute and nobody reads, now that its readers compute it themselves. A
  /// cluster may be left empty; positions of steps do not change.
  mutating func removeUnreadElements() {
    var read = Set<ValueID>()
    func note(_ values: [ValueID]) {
      for case .view(let view) in values.compactMap({ bindings[$0.index] }) {
        read.insert(view.root)
      }
    }
    note(graph.outputs)
    for position in steps.indices.reversed() {
      guard case .cluster(var cluster) = steps[position] else {
        read.formUnion(steps[position].rootsRead)
        continue
      }
      var kept: [Cluster.Entry] = []
      for entry in cluster.entries.reversed() {
        let node = graph.nodes[entry.node]
        guard read.contains(node.results[0]) else { continue }
        kept.append(entry)
        note(node.operands)
      }
      cluster.entries = kept.reversed()
      steps[position] = .cluster(cluster)
    }
  }
}

extension RegionPlanner {
  /// Makes the node, about to join the cluster at `position`, read values computed there.
  mutating func recomputeOperands(of index: Int, at position: Int) {
    for (number, operand) in plan.graph.nodes[index].operands.enumerated() {
      let bytes = plan.types[operand.index].byteCount
      var visited: Set<ValueID> = []
      var budget = plan.machine.operationsForStoring(bytes: bytes)
      guard isElement(operand, madeBefore: position),
        isRecomputable(operand, at: position, for: index, within: &budget, &visited)
      else { continue }
      plan.graph.nodes[index].operands[number] = recomputed(operand, at: position)
    }
  }

  /// Whether a value is an element of an earlier cluster, read as it is.
  private func isElement(_ value: ValueID, madeBefore position: Int) -> Bool {
    guard case .view(let view)? = plan.bindings[value.index], view.root == value,
      let producer = plan.producer[value], producer < position,
      case .element? = plan.placement[value], case .cluster(let cluster) = plan.steps[position]
    else { return false }
    return plan.types[value.index].shape == cluster.domain
  }

  /// Whether a value can be computed in the cluster at `position` with at most `budget` operations
  /// an element, which are taken from it, and from what would be in memory anyway. Every value
  /// visited costs an operation, so the budget bounds the depth of the recursion, too.
  private func isRecomputable(
    _ value: ValueID, at position: Int, for reader: Int, within budget: inout Int,
    _ visited: inout Set<ValueID>
  ) -> Bool {
    guard visited.insert(value).inserted, clones[position]?[value] == nil else { return true }
    guard value.index < facts.definition.count, !facts.isStoredAnyway[value.index],
      let definition = facts.definition[value.index]
    else { return false }
    let node = plan.graph.nodes[definition]
    budget -= max(1, node.op.costPerElement?.operations ?? 1)
    guard budget >= 0 else { return false }
    for operand in node.operands.map(original) {
      guard case .view(let view)? = plan.bindings[operand.index] else { continue }
      if plan.producer[view.root] == position { continue }
      if isElement(operand, madeBefore: position), !facts.isStoredAnyway[operand.index] {
        guard isRecomputable(operand, at: position, for: reader, within: &budget, &visited)
        else { return false }
      } else if !facts.isAtHand(view.root, for: reader) {
        return false
      }
    }
    return true
  }

  /// The value of the region's graph that a value is or recomputes.
  private func original(_ value: ValueID) -> ValueID { originals[value] ?? value }

  /// The node of the region's graph that a node is or repeats.
  func originalNode(_ index: Int) -> Int {
    let result = plan.graph.nodes[index].results[0]
    return originals[result].flatMap { facts.definition[$0.index] } ?? index
  }

  /// Adds a value, and what it is computed from, to the cluster at `position`.
  private mutating func recomputed(_ value: ValueID, at position: Int) -> ValueID {
    if let known = clones[position]?[value] { return known }
    guard let definition = facts.definition[value.index] else {
      preconditionFailure("compiler bug: \(value) has no definition")
    }
    var node = plan.graph.nodes[definition]
    node.operands = node.operands.map(original).map { operand in
      let isLeaf =
        !isElement(operand, madeBefore: position) || facts.isStoredAnyway[operand.index]
      return isLeaf ? operand : recomputed(operand, at: position)
    }
    let clone = newValue(plan.types[value.index], named: plan.names[value.index])
    node.results = [clone]
    originals[clone] = value
    plan.graph.nodes.append(node)
    guard case .cluster(let cluster) = plan.steps[position],
      let placement = placement(of: node, in: cluster, at: position)
    else { preconditionFailure("compiler bug: \(node.op.text) fits no cluster") }
    join(plan.graph.nodes.count - 1, position, placement)
    clones[position, default: [:]][value] = clone
    return clone
  }
}
