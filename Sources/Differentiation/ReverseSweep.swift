// SPDX-License-Identifier: Apache-2.0
//
// Reverse mode, in two phases so that a caller can put something between them: `runForward` copies
// the nodes of the graph, `runBackward` walks them from the last to the first and turns the
// adjoints of each node's results into contributions to the adjoints of its operands.
//
// Naive on purpose: every node is copied and adjoints are summed one by one. What the outputs turn
// out not to need is removed later.

import TensorIR

/// The VJP of one graph, being appended to a builder.
struct ReverseSweep {
  private let graph: Graph
  private let differentiator: Differentiator
  private let builder: GraphBuilder
  /// For each value of `graph`; see `Activity`.
  private let varied: [Bool]
  private let useful: [Bool]
  /// For each value of `graph`, what its adjoint is called; empty if it has no name itself.
  private let adjointNames: [String]
  /// For each value of `graph`, what its adjoint is for.
  private let adjointPurposes: [Purpose?]
  private var primals: ValueMap
  /// For each value of `graph`, the sum of the adjoint contributions met so far.
  private var adjoints: [ValueID?]
  /// By node index, for nodes with a structured rule.
  private var pullbacks: [Int: StructuredRule.Pullback] = [:]

  /// Prepares a sweep: `neededInputs` tells per input of `graph` whether its adjoint is wanted,
  /// `usefulOutputs` per output whether it may have an adjoint.
  init(
    _ graph: Graph, differentiator: Differentiator, builder: GraphBuilder, neededInputs: [Bool],
    usefulOutputs: [Bool]
  ) {
    self.graph = graph
    self.differentiator = differentiator
    self.builder = builder
    let activity = Activity(rule: differentiator.rule)
    varied = activity.variedValues(of: graph, inputs: neededInputs)
    useful = activity.usefulValues(of: graph, outputs: usefulOutputs)
    adjointNames = graph.valueNames.map { $0.isEmpty ? "" : $0 + "_adj" }
    adjointPurposes = graph.purposes.map { $0?.ofAdjoint }
    primals = ValueMap(for: graph)
    adjoints = [ValueID?](repeating: nil, count: graph.types.count)
  }

  /// Emits the primal program, whose values are there for the adjoint program to read.
  ///
  /// - Returns: what stands for the outputs.
  mutating func runForward(arguments: [ValueID]) throws -> [ValueID] {
    primals[graph.inputs] = arguments
    for (index, node) in graph.nodes.enumerated() {
      let provenance = node.provenance
      let purpose = provenance.purpose ?? .activation
      primals[node.results] = try builder.withProvenance(provenance.for(purpose)) {
        try emitPrimal(node, index)
      }
    }
    return primals[graph.outputs]
  }

  /// Emits the adjoint program, after `runForward`.
  ///
  /// - Returns: the adjoints of the inputs; `nil` where it is zero or was not wanted.
  mutating func runBackward(outputAdjoints: [ValueID?]) throws -> [ValueID?] {
    for (output, adjoint) in zip(graph.outputs, outputAdjoints) where isActive(output) {
      adjoints[output.index] = builder.sum([adjoints[output.index], adjoint])
    }
    for (index, node) in graph.nodes.enumerated().reversed() {
      let resultAdjoints = node.results.map { adjoints[$0.index] }
      guard resultAdjoints.contains(where: { $0 != nil }) else { continue }
      if let pullback = pullbacks[index] {
        let first = node.operands.first { varied[$0.index] }
        let provenance = provenance(
          "vjp of \(node.op.name)", of: node, adjointOf: first ?? node.result)
        let contributions = try builder.withProvenance(provenance.for(nil)) {
          try pullback(resultAdjoints)
        }
        for (operand, contribution) in zip(node.operands, contributions) {
          let name = adjointNames[operand.index]
          let purpose = adjointPurposes[operand.index]
          builder.withProvenance(provenance.named(name).for(purpose)) {
            accumulate(contribution, to: operand)
          }
        }
      } else if let adjoint = resultAdjoints[0] {
        try propagate(adjoint, through: node)
      }
    }
    return graph.inputs.map { adjoints[$0.index] }
  }

  private func provenance(
    _ rule: String, of node: Node, adjointOf operand: ValueID
  ) -> Provenance {
    node.provenance.applying(
      rule: rule, name: adjointNames[operand.index], purpose: adjointPurposes[operand.index])
  }

  private func isActive(_ value: ValueID) -> Bool { varied[value.index] && useful[value.index] }

  private mutating func emitPrimal(_ node: Node, _ index: Int) throws -> [ValueID] {
    let operands = primals[node.operands]
    guard case .structured(let rule) = differentiator.rule(node.op),
      node.results.contains(where: isActive)
    else { return builder.append(node.op, operands) }
    let scope = StructuredScope(
      op: node.op, operands: operands, builder: builder, differentiator: differentiator)
    let flow = NodeFlow(
      neededOperands: node.operands.map { varied[$0.index] },
      usefulResults: node.results.map(isActive))
    let (results, pullback) = try rule.vjp(scope, flow)
    pullbacks[index] = pullback
    return results
  }

  /// Adds the contributions of a node with one result to the adjoints of its operands.
  private mutating func propagate(_ adjoint: ValueID, through node: Node) throws {
    let rule = differentiator.rule(node.op)
    let scope = RuleScope(
      op: node.op, operands: primals[node.operands], results: primals[node.results],
      builder: builder)
    for (position, operand) in node.operands.enumerated()
    where varied[operand.index] && rule.isDifferentiable(operand: position) {
      let text = "vjp of \(node.op.name)\(role(of: position, in: node))"
      try builder.withProvenance(provenance(text, of: node, adjointOf: operand)) {
        accumulate(try contribution(rule, scope, adjoint, position, node), to: operand)
      }
    }
  }

  private func contribution(
    _ rule: DerivativeRule, _ scope: RuleScope, _ adjoint: ValueID, _ operand: Int, _ node: Node
  ) throws -> ValueID? {
    switch rule {
    case .partials(let partial): return partial(scope, operand).times(adjoint, builder)
    case .linear(_, let transpose): return transpose(scope, adjoint, operand)
    case .bilinear(let lhs, let rhs): return (operand == 0 ? lhs : rhs)(scope, adjoint)
    case .undefined(let reason, let hint):
      throw UndefinedDerivative(
        op: node.op.name, reason: reason, hint: hint, provenance: node.provenance)
    case .structured, .constant:
      preconditionFailure("compiler bug: \(node.op.name) has no adjoint of its own here")
    }
  }

  private mutating func accumulate(_ contribution: ValueID?, to operand: ValueID) {
    guard varied[operand.index] else { return }
    adjoints[operand.index] = builder.sum([adjoints[operand.index], contribution])
  }

  /// ` wrt lhs` and so on, for provenance; empty for a node with one operand.
  private func role(of operand: Int, in node: Node) -> String {
    switch node.operands.count {
    case 1: ""
    case 2: operand == 0 ? " wrt lhs" : " wrt rhs"
    default: " wrt operand \(operand)"
    }
  }
}
