// SPDX-License-Identifier: Apache-2.0
//
// The frame of most passes: walk the nodes of the old graph in order, append something to a new one
// for each, remember which new value stands for which old one. Provenance is handed on by itself.

import TensorIR

/// A graph under construction that replaces an old one.
final class Rewriter {
  /// The graph being replaced.
  let old: Graph
  private let builder: GraphBuilder
  /// The new value that stands for each old value.
  private var replacement: [ValueID?]
  /// The node that defines each new value, by index; `nil` for inputs.
  private var definition: [Int?] = []
  /// How often the old graph reads the old values that each new value stands for.
  private var reads: [Int] = []
  private let oldReads: [Int]

  /// Begins a new graph with the old one's name, without inputs.
  init(replacing old: Graph) {
    self.old = old
    builder = GraphBuilder(name: old.name)
    replacement = [ValueID?](repeating: nil, count: old.types.count)
    var oldReads = [Int](repeating: 0, count: old.types.count)
    for operand in old.nodes.lazy.flatMap(\.operands) { oldReads[operand.index] += 1 }
    for output in old.outputs { oldReads[output.index] += 1 }
    self.oldReads = oldReads
  }

  /// The new graph with all inputs and outputs of the old one.
  ///
  /// - Parameter rewrite: Called for each old node with the new operands, in order; returns the new
  ///   values that stand for the node's results.
  static func rewrite(
    _ graph: Graph, _ rewrite: (Rewriter, Node, [ValueID]) -> [ValueID]
  ) -> Graph {
    let rewriter = Rewriter(replacing: graph)
    for (input, name) in zip(graph.inputs, graph.inputNames) {
      rewriter.bind(input, to: rewriter.input(name, graph.type(of: input)))
    }
    rewriter.visitNodes { node, operands in rewrite(rewriter, node, operands) }
    for (output, name) in zip(graph.outputs, graph.outputNames) {
      rewriter.output(name, rewriter.new(output))
    }
    return rewriter.finished
  }

  // MARK: The old graph

  /// Calls `visit` for each old node with the new operands and binds what it returns.
  func visitNodes(_ visit: (Node, [ValueID]) -> [ValueID]) {
    for node in old.nodes {
      let results = builder.withProvenance(node.provenance) { visit(node, node.operands.map(new)) }
      for (result, new) in zip(node.results, results) { bind(result, to: new) }
    }
  }

  /// From now on `new` stands for `old`.
  func bind(_ old: ValueID, to new: ValueID) {
    replacement[old.index] = new
    reads[new.index] += oldReads[old.index]
  }

  /// The new value that stands for `old`.
  func new(_ old: ValueID) -> ValueID {
    guard let new = replacement[old.index] else {
      preconditionFailure("compiler bug: \(old) is read before it is rewritten")
    }
    return new
  }

  /// The new values that stand for `old`; `nil` if one of them has none.
  func newIfBound(_ old: [ValueID]) -> [ValueID]? {
    let new = old.compactMap { replacement[$0.index] }
    return new.count == old.count ? new : nil
  }

  // MARK: The new graph

  func input(_ name: String, _ type: TensorType) -> ValueID {
    let value = builder.input(name, type)
    registerValues(definedBy: nil)
    return value
  }

  func output(_ name: String, _ value: ValueID) { builder.output(name, value) }

  /// Appends a node to the new graph.
  func append(_ op: Op, _ operands: [ValueID]) -> [ValueID] {
    let results = builder.append(op, operands)
    registerValues(definedBy: builder.graph.nodes.count - 1)
    return results
  }

  /// Appends a copy of a node with other operands.
  func append(copyOf node: Node, _ operands: [ValueID]) -> [ValueID] {
    builder.withProvenance(node.provenance) { append(node.op, operands) }
  }

  /// Gives a new value a purpose, unless it has one that needs it longer; see `Graph.raise`.
  func raise(_ new: ValueID, to purpose: Purpose?) {
    if let purpose { builder.raise(new, to: purpose) }
  }

  /// Appends the nodes of another graph, its inputs replaced by `arguments`; returns its outputs.
  func inline(_ graph: Graph, _ arguments: [ValueID]) -> [ValueID] {
    let firstNode = builder.graph.nodes.count
    let outputs = builder.inline(graph, arguments)
    for index in firstNode..<builder.graph.nodes.count {
      for _ in builder.graph.nodes[index].results {
        definition.append(index)
        reads.append(0)
      }
    }
    return outputs
  }

  private func registerValues(definedBy node: Int?) {
    while definition.count < builder.graph.types.count {
      definition.append(node)
      reads.append(0)
    }
  }

  func type(of new: ValueID) -> TensorType { builder.type(of: new) }

  /// The node that defines a new value; `nil` for an input.
  func definition(of new: ValueID) -> Node? {
    definition[new.index].map { builder.graph.nodes[$0] }
  }

  /// Whether only one place of the old graph reads what the new value stands for. A hint about
  /// cost: a rule that rebuilds the value in another form then leaves the first form dead.
  func isReadOnce(_ new: ValueID) -> Bool { reads[new.index] <= 1 }

  /// The new graph without nodes that nobody reads, values numbered in order of definition.
  var finished: Graph { builder.graph.withoutUnreadNodes() }
}

extension Graph {
  /// The graph without nodes that no output depends on, values numbered in order of definition.
  func withoutUnreadNodes() -> Graph {
    var isRead = [Bool](repeating: false, count: types.count)
    for output in outputs { isRead[output.index] = true }
    var isKept = [Bool](repeating: false, count: nodes.count)
    for (index, node) in nodes.enumerated().reversed() {
      guard node.results.contains(where: { isRead[$0.index] }) else { continue }
      isKept[index] = true
      for operand in node.operands { isRead[operand.index] = true }
    }
    let keptNodes = zip(nodes, isKept).filter(\.1).map(\.0)
    return renumbered(nodes: keptNodes)
  }

  /// The graph with other nodes, whose values are numbered anew in order of definition.
  private func renumbered(nodes: [Node]) -> Graph {
    var graph = self
    graph.types = []
    var number = [ValueID](repeating: ValueID(index: -1), count: types.count)
    func define(_ value: ValueID) -> ValueID {
      number[value.index] = ValueID(index: graph.types.count)
      graph.types.append(type(of: value))
      return number[value.index]
    }
    graph.inputs = inputs.map(define)
    graph.nodes = nodes.map { node in
      let operands = node.operands.map { number[$0.index] }
      return Node(
        op: node.op, operands: operands, results: node.results.map(define),
        provenance: node.provenance)
    }
    graph.outputs = outputs.map { number[$0.index] }
    return graph
  }
}

extension Op {
  /// The op with each of its regions replaced.
  func mapRegions(_ transform: (Graph) -> Graph) -> Op {
    switch self {
    case .loop(var loop):
      loop.body = transform(loop.body)
      return .loop(loop)
    case .gradient(var gradient):
      gradient.function = transform(gradient.function)
      return .gradient(gradient)
    case .jvp(var jvp):
      jvp.function = transform(jvp.function)
      return .jvp(jvp)
    default: return self  // No regions.
    }
  }
}
