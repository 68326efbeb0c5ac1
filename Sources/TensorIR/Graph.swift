// SPDX-License-Identifier: Apache-2.0
//
// The graph: nodes in an order in which every operand is defined before it is used. A value belongs
// to one graph; regions (loop bodies) are graphs of their own that see outside values only through
// their inputs.

/// A value of one graph: an input of the graph or a result of a node.
package struct ValueID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let index: Int

  package init(index: Int) { self.index = index }

  package static func < (lhs: ValueID, rhs: ValueID) -> Bool { lhs.index < rhs.index }
  package var description: String { "%\(index)" }
}

/// One application of an op.
package struct Node: Hashable, Sendable {
  package var op: Op
  package var operands: [ValueID]
  package var results: [ValueID]
  package var provenance: Provenance

  package init(op: Op, operands: [ValueID], results: [ValueID], provenance: Provenance) {
    self.op = op
    self.operands = operands
    self.results = results
    self.provenance = provenance
  }

  /// The only result of a node with one result.
  package var result: ValueID { results[0] }
}

/// A static single-assignment tensor program.
package struct Graph: Hashable, Sendable {
  package var name: String
  /// The type of every value, indexed by `ValueID.index`.
  package var types: [TensorType] = []
  package var inputs: [ValueID] = []
  /// Names of the inputs and outputs, for dumps, C identifiers and manifests; same lengths.
  package var inputNames: [String] = []
  package var outputs: [ValueID] = []
  package var outputNames: [String] = []
  package var nodes: [Node] = []

  package init(name: String) { self.name = name }

  package func type(of value: ValueID) -> TensorType { types[value.index] }
  package var inputTypes: [TensorType] { inputs.map(type(of:)) }
  package var outputTypes: [TensorType] { outputs.map(type(of:)) }

  /// The index in `nodes` of the definition of each node result; `nil` for graph inputs.
  package func definitions() -> [Int?] {
    var definition = [Int?](repeating: nil, count: types.count)
    for (index, node) in nodes.enumerated() {
      for result in node.results { definition[result.index] = index }
    }
    return definition
  }

  /// For every value, the indices of the nodes that read it, increasing, each node once.
  package func readers() -> [[Int]] {
    var readers = [[Int]](repeating: [], count: types.count)
    for (index, node) in nodes.enumerated() {
      for operand in Set(node.operands) { readers[operand.index].append(index) }
    }
    return readers
  }
}
