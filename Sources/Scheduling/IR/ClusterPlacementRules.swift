// SPDX-License-Identifier: Apache-2.0
//
// Where in a cluster's loop nest an op can be computed, given what the cluster computes already.

import TensorIR

extension Cluster {
  /// Where the node would be computed in the cluster, or `nil` if it cannot be.
  ///
  /// - Precondition: whatever the operands read is made by the cluster or by steps before it.
  func placement(
    of node: Node, _ operands: [Binding], in region: RegionSchedule
  ) -> ClusterPlacement? {
    if case .reduce(_, let axes) = node.op {
      guard region.type(of: node.operands[0]).shape == domain,
        let phase = elementPhase(of: operands)
      else { return nil }
      let lastAxis = domain.indices.last { domain[$0] > 1 }
      guard lastAxis.map(axes.contains) ?? true else { return .memoryReduction(phase: phase) }
      return rowAxes == nil || rowAxes == axes ? .rowReduction(phase: phase) : nil
    }
    let shape = region.type(of: node.result).shape
    if shape == domain, let phase = elementPhase(of: operands) { return .element(phase: phase) }
    if rowAxes != nil, shape == keptShape {
      return rowPhase(of: operands).map { .row(phase: $0) }
    }
    return nil
  }

  /// The traversal in which an op on elements of the cluster can run, or `nil`.
  private func elementPhase(of operands: [Binding]) -> Int? {
    var phase = 0
    for case .view(let view) in operands {
      switch placement(of: view.root) {
      case nil: continue
      case .element(let earlier):
        guard view == View(dense: view.root, shape: domain) else { return nil }
        phase = max(phase, earlier)
      case .row(let earlier), .rowReduction(let earlier):
        guard view == rowBroadcast(of: view.root) else { return nil }
        phase = max(phase, earlier + 1)
      case .memoryReduction:
        return nil
      }
    }
    return phase
  }

  /// The traversal after which an op on rows of the cluster can run; `nil` unless it reads one.
  private func rowPhase(of operands: [Binding]) -> Int? {
    var phase: Int?
    for case .view(let view) in operands {
      switch placement(of: view.root) {
      case nil: continue
      case .row(let earlier), .rowReduction(let earlier):
        guard view == View(dense: view.root, shape: view.shape) else { return nil }
        phase = max(phase ?? 0, earlier)
      case .element, .memoryReduction:
        return nil
      }
    }
    return phase
  }

  private func rowBroadcast(of root: ValueID) -> View {
    View(dense: root, shape: keptShape).broadcast(to: domain, axes: keptAxes)
  }
}
