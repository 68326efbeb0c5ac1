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
// anyway: inputs of the region, results of other steps that are still to be read later. What nobody
// reads then is no longer computed where it was.

import Kernels
import TensorIR

/// Recomputes values in the clusters of one region.
struct Recomputation {
  private var region: RegionSchedule
  /// How each cluster's members are computed: by result, of those made for every element.
  private var elements: [ValueID: Definition] = [:]
  /// Values that a step other than a cluster, or the region's caller, reads.
  private var isStoredAnyway: Set<ValueID> = []
  /// The last step that reads each value; `Int.max` for inputs of the region.
  private var lastRead: [ValueID: Int] = [:]

  /// An element of a cluster as it was before this pass.
  private struct Definition {
    var entry: Cluster.Entry
    var domain: [Int]
    var position: Int
  }

  /// Rewrites a region and the loop bodies inside of it.
  ///
  /// - Cost: the number of steps times the budget of operations for one value.
  static func run(on region: inout RegionSchedule) {
    var pass = Recomputation(region)
    for position in region.steps.indices { pass.visit(at: position) }
    region = pass.region
    region.removeUnreadElements()
    region.updateLoops { run(on: &$0.body) }
  }

  private init(_ region: RegionSchedule) {
    self.region = region
    for (position, step) in region.steps.enumerated() {
      for value in step.reads { lastRead[value] = position }
      guard case .cluster(let cluster) = step else {
        isStoredAnyway.formUnion(step.reads)
        continue
      }
      for entry in cluster.entries {
        guard case .element = entry.placement else { continue }
        elements[entry.result] = Definition(
          entry: entry, domain: cluster.domain, position: position)
      }
    }
    for output in region.outputs {
      if let root = region.binding(of: output.value)?.root { isStoredAnyway.insert(root) }
    }
    for input in region.inputs { lastRead[input] = .max }
  }

  /// Builds the cluster at a position again, with copies of what its members had better compute.
  private mutating func visit(at position: Int) {
    guard case .cluster(let old) = region.steps[position] else { return }
    var builder = Builder(cluster: Cluster(domain: old.domain), position: position)
    for var entry in old.entries {
      for number in entry.node.operands.indices {
        guard let value = elementRead(entry, number, in: builder),
          isWorthRecomputing(value, in: builder)
        else { continue }
        entry.node.operands[number] = recomputed(value, &builder)
        entry.operands[number] = .view(region.whole(entry.node.operands[number]))
      }
      // What is computed again may belong to a later traversal than what was loaded.
      guard let placement = builder.cluster.placement(of: entry.node, entry.operands, in: region)
      else { return }
      entry.placement = placement
      builder.cluster.append(entry)
    }
    region.steps[position] = .cluster(builder.cluster)
  }

  /// A cluster in the making.
  private struct Builder {
    var cluster: Cluster
    let position: Int
    /// What values of earlier clusters are computed as here.
    var copies: [ValueID: ValueID] = [:]
  }

  /// The element of an earlier cluster that an operand reads as it is; `nil` if it reads another.
  private func elementRead(
    _ entry: Cluster.Entry, _ number: Int, in builder: Builder
  ) -> ValueID? {
    guard case .view(let view) = entry.operands[number], view.root == entry.node.operands[number],
      isEarlierElement(view, in: builder)
    else { return nil }
    return view.root
  }

  private func isEarlierElement(_ view: View, in builder: Builder) -> Bool {
    guard let definition = elements[view.root] else { return false }
    return definition.position < builder.position && definition.domain == builder.cluster.domain
      && view == View(dense: view.root, shape: definition.domain)
  }

  private func isWorthRecomputing(_ value: ValueID, in builder: Builder) -> Bool {
    var visited: Set<ValueID> = []
    var budget = region.machine.operationsForStoring(
      bytes: region.type(of: value).byteCount)
    return isRecomputable(value, in: builder, within: &budget, &visited)
  }

  /// Whether a value can be computed in the cluster with at most `budget` operations an element, which
  /// are taken from it, and from what would be in memory anyway. Every value visited costs an
  /// operation, so the budget bounds the depth of the recursion, too.
  private func isRecomputable(
    _ value: ValueID, in builder: Builder, within budget: inout Int, _ visited: inout Set<ValueID>
  ) -> Bool {
    guard visited.insert(value).inserted, builder.copies[value] == nil else { return true }
    guard let definition = elements[value], !isStoredAnyway.contains(value) else { return false }
    budget -= max(1, definition.entry.node.op.costPerElement?.operations ?? 1)
    guard budget >= 0 else { return false }
    return definition.entry.views.allSatisfy { view in
      if builder.cluster.has(view.root) { return true }
      if isEarlierElement(view, in: builder), !isStoredAnyway.contains(view.root) {
        return isRecomputable(view.root, in: builder, within: &budget, &visited)
      }
      return lastRead[view.root].map { $0 >= builder.position } ?? false
    }
  }

  /// Adds a value, and what it is computed from, to the cluster.
  private mutating func recomputed(_ value: ValueID, _ builder: inout Builder) -> ValueID {
    if let known = builder.copies[value] { return known }
    guard var entry = elements[value]?.entry else {
      preconditionFailure("compiler bug: \(value) has no definition")
    }
    for number in entry.operands.indices {
      guard let operand = elementRead(entry, number, in: builder), !isStoredAnyway.contains(operand)
      else { continue }
      entry.node.operands[number] = recomputed(operand, &builder)
      entry.operands[number] = .view(region.whole(entry.node.operands[number]))
    }
    let copy = region.addValue(region.type(of: value), named: region.values[value.index].name)
    entry.node.results = [copy]
    guard let placement = builder.cluster.placement(of: entry.node, entry.operands, in: region)
    else { preconditionFailure("compiler bug: \(entry.node.op.text) fits no cluster") }
    entry.placement = placement
    builder.cluster.append(entry)
    builder.copies[value] = copy
    return copy
  }
}

extension RegionSchedule {
  /// Drops what clusters compute and nobody reads, now that its readers compute it themselves, and
  /// the clusters of which nothing is left.
  fileprivate mutating func removeUnreadElements() {
    var read = Set(outputs.compactMap { binding(of: $0.value)?.root })
    for position in steps.indices.reversed() {
      guard case .cluster(var cluster) = steps[position] else {
        read.formUnion(steps[position].reads)
        continue
      }
      var unread: Set<ValueID> = []
      for entry in cluster.entries.reversed() {
        if read.contains(entry.result) {
          read.formUnion(entry.views.map(\.root))
        } else {
          unread.insert(entry.result)
        }
      }
      guard !unread.isEmpty else { continue }
      cluster.removeEntries { unread.contains($0.result) }
      steps[position] = .cluster(cluster)
    }
    steps.removeAll {
      if case .cluster(let cluster) = $0 { cluster.entries.isEmpty } else { false }
    }
  }
}
