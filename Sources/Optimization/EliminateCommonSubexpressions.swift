// SPDX-License-Identifier: Apache-2.0
//
// Computes equal expressions once.
//
//     %2 = multiply %0, %1 : f32[3]
//     %3 = multiply %1, %0 : f32[3]
//     %4 = add %2, %3 : f32[3]         ->   %3 = add %2, %2 : f32[3]
//
// Two nodes are equal if their ops are (regions compared without names and provenance) and their
// operands are, in any order for commutative ops. The provenance of the first is kept, for the purpose
// of either that needs the value longer. Each region is treated by itself: what a body shares with its
// surroundings is for `HoistLoopInvariants`. Constants are compared by bits: 0 and -0 are different.

import TensorIR

extension Pass {
  package static let eliminateCommonSubexpressions = Pass(
    name: "eliminate common subexpressions",
    summary: "computes equal expressions once",
    run: withoutCommonSubexpressions)
}

/// What makes two nodes equal.
struct Expression: Hashable {
  var op: Op
  /// The bit patterns of all constants of the op, for 0 == -0.
  var constants: [UInt64]
  var operands: [ValueID]

  init(_ op: Op, _ operands: [ValueID]) {
    self.op = op.mapRegions { $0.withoutNames() }
    constants = op.constantBits
    self.operands = op.isCommutative ? operands.sorted() : operands
  }
}

@Sendable private func withoutCommonSubexpressions(_ graph: Graph) -> Graph {
  var known: [Expression: [ValueID]] = [:]
  return Rewriter.rewrite(graph) { rewriter, node, operands in
    let op = node.op.mapRegions(withoutCommonSubexpressions)
    let expression = Expression(op, operands)
    if let results = known[expression] {
      for (old, result) in zip(node.results, results) {
        rewriter.raise(result, to: node.purpose(of: old))
      }
      return results
    }
    let results = rewriter.append(op, operands)
    known[expression] = results
    return results
  }
}

extension Op {
  fileprivate var constantBits: [UInt64] {
    if case .constant(let value, _) = self { return [value.bitPattern] }
    return regions.flatMap { region in region.nodes.flatMap(\.op.constantBits) }
  }
}

extension Graph {
  /// The graph without anything that has no influence on its values.
  fileprivate func withoutNames() -> Graph {
    var graph = self
    graph.name = ""
    graph.inputNames = inputNames.map { _ in "" }
    graph.outputNames = outputNames.map { _ in "" }
    graph.nodes = nodes.map { node in
      let op = node.op.mapRegions { $0.withoutNames() }
      return Node(
        op: op, operands: node.operands, results: node.results, provenance: Provenance())
    }
    return graph
  }
}
