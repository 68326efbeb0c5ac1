// SPDX-License-Identifier: Apache-2.0
//
// Which elementwise ops and reductions belong together because data flow between them, element by
// element. In `m' = 0.9 m + 0.1 g` the two products share no operand, but their sum reads both, so
// all three belong in one pass over the arrays; the sum comes last, and who forms clusters must know
// before.

import TensorIR

/// The connected components of a region's elementwise ops and reductions: two are connected if one
/// reads the other's result and both walk over arrays of one shape.
struct ElementwiseComponents {
  /// For each result, a result of its component made before it; none for the first.
  private var parent: [ValueID: ValueID] = [:]

  /// - Parameter steps: of which each cluster has one op.
  /// - Cost: nearly linear in the number of steps.
  init(_ steps: [ScheduleStep]) {
    var domains: [ValueID: [Int]] = [:]
    for case .cluster(let cluster) in steps {
      for entry in cluster.entries {
        for operand in entry.node.operands where domains[operand] == cluster.domain {
          join(entry.result, operand)
        }
        if entry.node.op.isElementwise { domains[entry.result] = cluster.domain }
      }
    }
  }

  /// Whether two results are of one component.
  func areConnected(_ a: ValueID, _ b: ValueID) -> Bool { first(a) == first(b) }

  private mutating func join(_ a: ValueID, _ b: ValueID) {
    let (a, b) = (first(a), first(b))
    if a != b { parent[max(a, b)] = min(a, b) }
  }

  private func first(_ value: ValueID) -> ValueID {
    var value = value
    while let next = parent[value] { value = next }
    return value
  }
}
