// SPDX-License-Identifier: Apache-2.0
//
// Linear cross-entropies of the same logits, brought together. The loss, its tangent, the adjoint and
// the tangent of the adjoint are four ops; strips of tokens compute them all from one set of logits,
// and logits are what is dear: 7 products instead of 7 + 3 + 3 + 1.
//
//     %y, %s = linear_cross_entropy %x, %w, %labels                          \
//     %weight = ...                                                            family: both at once,
//     %x_adj, %w_adj = linear_cross_entropy_adjoint %x, %w, %labels,         /  after %weight
//                                                   %y, %s, %weight
//
// Members are computed where all that any of them reads is known. If what a member reads depends on
// the result of another (a function of the loss other than its weighted sum), they stay apart.

import TensorIR

/// Ops of a graph that are computed by one loop over strips of tokens.
struct CrossEntropyFamily {
  /// Index of the node of the highest order.
  let head: Int
  /// Indices of the member nodes, the head among them.
  var members: [Int]
  /// The orders that the members are.
  var orders: Set<DerivativeOrder>
  /// The operands of the head, of which the other members have a part.
  var operands: StripOperands<ValueID>
}

/// What strips of tokens read: none of the results of lower orders, which they compute themselves.
struct StripOperands<Operand> {
  var x: Operand
  var w: Operand
  var labels: Operand
  var y_adj: Operand
  var tangents: Tangents?

  struct Tangents {
    var x: Operand
    var w: Operand
    /// `nil` if it is zero.
    var y_adj: Operand?
  }

  /// The part of an op's operands; `nil` if it has no adjoint, so that strips are of no use.
  init?(_ parts: StructuredOperands<Operand>) {
    guard let adjoint = parts.adjoint else { return nil }
    (x, w, labels, y_adj) = (parts.inputs[0], parts.inputs[1], parts.constants[0], adjoint)
    guard parts.adjointTangent != nil else { return }
    tangents = Tangents(
      x: parts.inputTangents[0], w: parts.inputTangents[1], y_adj: parts.adjointTangent)
  }

  /// All operands.
  var all: [Operand] {
    [x, w, labels, y_adj]
      + (tangents.map { [$0.x, $0.w] + ($0.y_adj.map { [$0] } ?? []) } ?? [])
  }

  /// Operands that stand for these.
  func map<Other>(_ transform: (Operand) -> Other) -> StripOperands<Other> {
    StripOperands<Other>(
      x: transform(x), w: transform(w), labels: transform(labels), y_adj: transform(y_adj),
      tangents: tangents.map {
        .init(x: transform($0.x), w: transform($0.w), y_adj: $0.y_adj.map(transform))
      })
  }

  private init(x: Operand, w: Operand, labels: Operand, y_adj: Operand, tangents: Tangents?) {
    (self.x, self.w, self.labels, self.y_adj) = (x, w, labels, y_adj)
    self.tangents = tangents
  }
}

/// The families of a graph, and the order of its nodes in which the members of each are neighbours.
struct CrossEntropyFamilies {
  private(set) var families: [CrossEntropyFamily] = []
  /// Indices of all nodes: every node after what it reads, members one after the other.
  private(set) var order: [Int]
  private let graph: Graph
  /// The node that makes each value; `nil` for inputs.
  private var producer: [Int?]
  private var familyOfNode: [Int: Int] = [:]

  /// - Cost: linear in the number of nodes, for each member.
  init(_ graph: Graph) {
    self.graph = graph
    order = Array(graph.nodes.indices)
    producer = [Int?](repeating: nil, count: graph.types.count)
    for (index, node) in graph.nodes.enumerated() {
      for result in node.results { producer[result.index] = index }
    }
    for head in [DerivativeOrder.adjointTangent, .adjoint] {
      for index in graph.nodes.indices where self.derivative(index) == head { found(index) }
    }
  }

  /// The family that a node belongs to.
  func family(of node: Int) -> CrossEntropyFamily? { familyOfNode[node].map { families[$0] } }

  private func isZero(_ value: ValueID) -> Bool {
    if let node = producer[value.index], case .constant(0, _) = graph.nodes[node].op {
      true
    } else {
      false
    }
  }

  private func derivative(_ node: Int) -> DerivativeOrder? {
    guard case .structured(let op) = graph.nodes[node].op, op.function == .linearCrossEntropy
    else { return nil }
    return op.order
  }

  private func parts(_ node: Int) -> StructuredOperands<ValueID>? {
    guard case .structured(let op) = graph.nodes[node].op else { return nil }
    return StructuredOperands(graph.nodes[node].operands, of: op)
  }

  /// Founds the family of a head and takes in what can be computed with it.
  private mutating func found(_ head: Int) {
    guard familyOfNode[head] == nil, let order = derivative(head),
      var operands = parts(head).flatMap(StripOperands.init)
    else { return }
    if let y_adj = operands.tangents?.y_adj, isZero(y_adj) { operands.tangents?.y_adj = nil }
    families.append(
      CrossEntropyFamily(head: head, members: [head], orders: [order], operands: operands))
    familyOfNode[head] = families.count - 1
    // From the last to the first: who stays outside must be before the head and after its own.
    for node in graph.nodes.indices.reversed() where familyOfNode[node] == nil {
      if let order = derivative(node), isKin(node, operands) { admit(node, order) }
    }
  }

  /// Whether a node computes something of the same logits, along the same tangents, for the same
  /// adjoint, as far as it reads them.
  private func isKin(_ node: Int, _ head: StripOperands<ValueID>) -> Bool {
    guard let parts = parts(node), parts.inputs == [head.x, head.w],
      parts.constants == [head.labels]
    else { return false }
    let moving = head.tangents.map { [$0.x, $0.w] }
    return (parts.adjoint == nil || parts.adjoint == head.y_adj)
      && (parts.inputTangents.isEmpty || parts.inputTangents == moving)
      && (parts.adjointTangent == nil || parts.adjointTangent == head.tangents?.y_adj)
  }

  /// Takes a node into the last family, unless the nodes could then not be put in order.
  private mutating func admit(_ node: Int, _ order: DerivativeOrder) {
    let last = families.count - 1
    let before = self
    families[last].members = (families[last].members + [node]).sorted()
    families[last].orders.insert(order)
    familyOfNode[node] = last
    if let ordered { self.order = ordered } else { self = before }
  }

  /// An order of all nodes, as near to theirs as the families allow; `nil` if there is none.
  private var ordered: [Int]? {
    enum State { case waiting, begun, placed }
    var states = [State](repeating: .waiting, count: graph.nodes.count)
    var result: [Int] = []
    func place(_ node: Int) -> Bool {
      switch states[node] {
      case .placed: return true
      case .begun: return false  // It would have to come before itself.
      case .waiting: break
      }
      let unit = family(of: node)?.members ?? [node]
      for member in unit { states[member] = .begun }
      for member in unit {
        for operand in operandsFromOutside(of: member) {
          if let source = producer[operand.index], !place(source) { return false }
        }
      }
      for member in unit { states[member] = .placed }
      result += unit
      return true
    }
    for node in graph.nodes.indices where !place(node) { return nil }
    return result
  }

  /// What must be there before a node's family is computed: not the results of lower orders that
  /// other members pass on, which strips do not read.
  private func operandsFromOutside(of node: Int) -> [ValueID] {
    let operands = graph.nodes[node].operands
    guard let number = familyOfNode[node] else { return operands }
    let read = Set(families[number].operands.all)
    return operands.filter { operand in
      read.contains(operand) || producer[operand.index].flatMap { familyOfNode[$0] } != number
    }
  }
}
