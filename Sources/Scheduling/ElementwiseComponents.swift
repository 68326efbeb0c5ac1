// SPDX-License-Identifier: Apache-2.0
//
// Which elementwise ops and reductions belong together because data flow between them, element by
// element. In `m' = 0.9 m + 0.1 g` the two products share no operand, but their sum reads both, so
// all three belong in one pass over the arrays; the sum comes last, and the planner must know before.

import TensorIR

/// The connected components of a region's elementwise ops and reductions: two are connected if one
/// reads the other's result and both walk over arrays of one shape.
struct ElementwiseComponents {
  /// For each node, the first node of its component.
  private var parent: [Int]

  /// - Cost: nearly linear in the number of nodes.
  init(_ graph: Graph) {
    parent = Array(graph.nodes.indices)
    let definitions = graph.definitions()
    for (index, node) in graph.nodes.enumerated() where Self.walks(node) {
      let domain = graph.type(of: node.operands[0]).shape
      for operand in node.operands {
        guard let source = definitions[operand.index], graph.nodes[source].op.isElementwise,
          graph.type(of: operand).shape == domain
        else { continue }
        let (a, b) = (first(index), first(source))
        parent[max(a, b)] = min(a, b)
      }
    }
    for index in parent.indices { parent[index] = first(index) }
  }

  /// Whether two nodes are in one component.
  func areConnected(_ a: Int, _ b: Int) -> Bool { parent[a] == parent[b] }

  private static func walks(_ node: Node) -> Bool {
    node.op.isElementwise || node.op.family == .reduction
  }

  private func first(_ node: Int) -> Int {
    var node = node
    while parent[node] != node { node = parent[node] }
    return node
  }
}
