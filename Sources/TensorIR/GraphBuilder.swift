// SPDX-License-Identifier: Apache-2.0
//
// The one way to make nodes. Elaboration, derivative rules and passes all build through this class,
// so every node is type-checked and carries provenance. Convenience methods for whole op families
// are in `GraphBuilder+Ops.swift`.

/// Builds a graph node by node. A reference type: rules and closures share one builder.
package final class GraphBuilder {
  package private(set) var graph: Graph
  /// Given to every node made; see `withProvenance`.
  package private(set) var provenance = Provenance()

  /// Whether a node equal to an earlier one, op and operands alike, is that one.
  package let sharesEqualNodes: Bool
  /// By `ValueID.index`, the node that makes the value; `nil` for inputs.
  private var definition: [Int?]
  /// The results of the nodes so far, if equal ones are shared.
  private var known: [Computation: [ValueID]] = [:]

  private struct Computation: Hashable {
    var op: Op
    var operands: [ValueID]
  }

  package init(name: String, sharesEqualNodes: Bool = false) {
    graph = Graph(name: name)
    definition = []
    self.sharesEqualNodes = sharesEqualNodes
  }

  /// Continues an existing graph: new nodes are appended, outputs may be set anew.
  package init(continuing graph: Graph) {
    self.graph = graph
    definition = graph.definitions()
    sharesEqualNodes = false
  }

  package func type(of value: ValueID) -> TensorType { graph.type(of: value) }
  package func shape(of value: ValueID) -> [Int] { graph.type(of: value).shape }

  /// Adds an input of the graph.
  package func input(_ name: String, _ type: TensorType) -> ValueID {
    let value = newValue(type, definition: nil)
    graph.inputs.append(value)
    graph.inputNames.append(name)
    return value
  }

  /// Adds an output of the graph. One value may be several outputs.
  package func output(_ name: String, _ value: ValueID) {
    graph.outputs.append(value)
    graph.outputNames.append(name)
  }

  /// Appends a node and returns its results.
  ///
  /// - Errors: stops with a compiler-bug message if the op cannot take these operands; user mistakes
  ///   are reported by Elaboration before they come here.
  package func append(_ op: Op, _ operands: [ValueID]) -> [ValueID] {
    guard sharesEqualNodes else { return appendNode(op, operands) }
    let computation = Computation(op: op, operands: operands)
    if let results = known[computation] {
      if let purpose = provenance.purpose { results.forEach { raise($0, to: purpose) } }
      return results
    }
    let results = appendNode(op, operands)
    known[computation] = results
    return results
  }

  private func appendNode(_ op: Op, _ operands: [ValueID]) -> [ValueID] {
    do {
      let types = try op.resultTypes(operands.map(type(of:)))
      let results = types.map { newValue($0, definition: graph.nodes.count) }
      graph.nodes.append(
        Node(op: op, operands: operands, results: results, provenance: provenance))
      return results
    } catch {
      preconditionFailure("compiler bug: \(error) at \(provenance)")
    }
  }

  /// Appends a node with one result.
  package func add(_ op: Op, _ operands: ValueID...) -> ValueID { append(op, operands)[0] }

  /// Nodes made inside `body` carry `provenance`.
  package func withProvenance<Result>(
    _ provenance: Provenance, _ body: () throws -> Result
  ) rethrows -> Result {
    let saved = self.provenance
    self.provenance = provenance
    defer { self.provenance = saved }
    return try body()
  }

  // MARK: Names

  /// The place in the list of nodes where the next one will be.
  package var mark: Int { graph.nodes.count }

  /// Names a value, if its node was made at `mark` or later: a value that was there before keeps the
  /// name it got then.
  package func rename(_ value: ValueID, _ name: String, madeSince mark: Int = 0) {
    guard let node = definition[value.index], node >= mark else { return }
    graph.nodes[node].provenance.name = name
  }

  /// Gives a value a purpose, unless it has one that needs it longer; see `Graph.raise`.
  package func raise(_ value: ValueID, to purpose: Purpose) {
    guard let node = definition[value.index] else { return }
    graph.raise(value, madeBy: node, to: purpose)
  }

  /// What a value is called: the name of an input, or that of the node that makes it.
  package func name(of value: ValueID) -> String {
    if let node = definition[value.index] { return graph.nodes[node].provenance.name }
    return graph.inputs.firstIndex(of: value).map { graph.inputNames[$0] } ?? ""
  }

  /// Copies the nodes of another graph into this one, its inputs replaced by `arguments`.
  ///
  /// - Returns: the values here that stand for the other graph's outputs.
  package func inline(_ other: Graph, _ arguments: [ValueID]) -> [ValueID] {
    precondition(arguments.count == other.inputs.count, "compiler bug: inlining \(other.name)")
    var map = [ValueID?](repeating: nil, count: other.types.count)
    for (input, argument) in zip(other.inputs, arguments) { map[input.index] = argument }
    for node in other.nodes {
      let operands = node.operands.map { mapped($0, map) }
      let results = withProvenance(node.provenance) { append(node.op, operands) }
      for (old, new) in zip(node.results, results) { map[old.index] = new }
    }
    return other.outputs.map { mapped($0, map) }
  }

  private func mapped(_ value: ValueID, _ map: [ValueID?]) -> ValueID {
    guard let new = map[value.index] else {
      preconditionFailure("compiler bug: \(value) is used before it is defined")
    }
    return new
  }

  private func newValue(_ type: TensorType, definition node: Int?) -> ValueID {
    graph.types.append(type)
    definition.append(node)
    return ValueID(index: graph.types.count - 1)
  }
}
