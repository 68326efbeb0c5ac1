// SPDX-License-Identifier: Apache-2.0
//
// What the values of a graph are called. Nodes carry names as part of their provenance, so that
// rewriting hands them down; inputs have names of their own, and the results of a node that has
// several are called after what the node does.

extension Graph {
  /// The name of every value, by `ValueID.index`: `theta.w2`, `h2_adj`; empty where none is known.
  /// Several values may have one name.
  ///
  /// - Cost: one pass over the nodes.
  package var valueNames: [String] {
    var names = [String](repeating: "", count: types.count)
    for (input, name) in zip(inputs, inputNames) { names[input.index] = name }
    for node in nodes {
      for (result, name) in zip(node.results, resultNames(of: node, among: names)) {
        names[result.index] = name
      }
    }
    return names
  }

  private func resultNames(of node: Node, among names: [String]) -> [String] {
    let own = node.provenance.name
    switch node.op {
    case .loop(let loop): return loop.body.outputNames
    case .gradient(let gradient):
      let operands = gradient.wrt.map { names[node.operands[$0].index] }
      return [own] + operands.map { $0.isEmpty ? "" : $0 + "_adj" }
    case .jvp(let jvp):
      let outputs = jvp.function.outputNames
      return outputs + outputs.map { $0.isEmpty ? "" : $0 + "_tan" }
    case .structured where node.results.count > 1:
      if own.isEmpty { return node.results.map { _ in "" } }
      return node.results.indices.map { $0 == 0 ? own : "\(own)_part\($0)" }
    default: return [own]
    }
  }
}
