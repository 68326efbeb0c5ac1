// SPDX-License-Identifier: Apache-2.0
//
// Forward mode: one walk over the nodes, emitting each node and, if an operand has a tangent, the
// tangents of its results. Nodes without tangents are copied as they are.

import TensorIR

/// The JVP of one graph, being appended to a builder.
struct ForwardSweep {
  private let graph: Graph
  private let differentiator: Differentiator
  private let builder: GraphBuilder
  /// For each value of `graph`, what it is called.
  private let names: [String]
  private var primals: ValueMap
  /// For each value of `graph`, the tangent of what stands for it.
  private var tangents: [ValueID?]

  init(_ graph: Graph, differentiator: Differentiator, builder: GraphBuilder) {
    self.graph = graph
    self.differentiator = differentiator
    self.builder = builder
    names = graph.valueNames
    primals = ValueMap(for: graph)
    tangents = [ValueID?](repeating: nil, count: graph.types.count)
  }

  /// Emits primal and tangent program.
  mutating func run(
    arguments: [ValueID], tangents inputTangents: [ValueID?]
  ) throws -> (outputs: [ValueID], tangents: [ValueID?]) {
    primals[graph.inputs] = arguments
    for (input, tangent) in zip(graph.inputs, inputTangents) { tangents[input.index] = tangent }
    for node in graph.nodes {
      let (results, resultTangents) = try emit(node)
      primals[node.results] = results
      for (result, tangent) in zip(node.results, resultTangents) {
        tangents[result.index] = tangent
      }
    }
    return (primals[graph.outputs], graph.outputs.map { tangents[$0.index] })
  }

  private func emit(_ node: Node) throws -> StructuredRule.Linearized {
    let operands = primals[node.operands]
    let operandTangents = node.operands.map { tangents[$0.index] }
    let rule = differentiator.rule(node.op)
    let hasTangent = operandTangents.indices.contains {
      operandTangents[$0] != nil && rule.isDifferentiable(operand: $0)
    }
    let name = names[node.results[0].index]
    let provenance = node.provenance.applying(
      rule: "jvp of \(node.op.name)", name: name.isEmpty ? "" : name + "_tan",
      purpose: node.provenance.purpose?.ofTangent)
    if hasTangent, case .structured(let structured) = rule {
      let scope = StructuredScope(
        op: node.op, operands: operands, builder: builder, differentiator: differentiator)
      return try builder.withProvenance(provenance) { try structured.jvp(scope, operandTangents) }
    }
    let results = builder.withProvenance(node.provenance) { builder.append(node.op, operands) }
    guard hasTangent else { return (results, results.map { _ in nil }) }
    let scope = RuleScope(op: node.op, operands: operands, results: results, builder: builder)
    let tangent = try builder.withProvenance(provenance) {
      try self.tangent(rule, scope, operandTangents, node)
    }
    return (results, [tangent])
  }

  /// The tangent of the result of a node that has one result.
  private func tangent(
    _ rule: DerivativeRule, _ scope: RuleScope, _ tangents: [ValueID?], _ node: Node
  ) throws -> ValueID? {
    switch rule {
    case .partials(let partial):
      return builder.sum(
        tangents.enumerated().map { operand, tangent in
          tangent.flatMap { partial(scope, operand).times($0, builder) }
        })
    case .linear(let steering, _):
      let operands = scope.operands.enumerated().map { position, operand in
        steering.contains(position)
          ? operand : tangents[position] ?? builder.constant(0, like: operand)
      }
      return builder.append(node.op, operands)[0]
    case .bilinear:
      return builder.sum(
        tangents.enumerated().map { position, tangent in
          tangent.map {
            var operands = scope.operands
            operands[position] = $0
            return builder.append(node.op, operands)[0]
          }
        })
    case .undefined(let reason, let hint):
      throw UndefinedDerivative(
        op: node.op.name, reason: reason, hint: hint, provenance: node.provenance)
    case .structured, .constant:
      preconditionFailure("compiler bug: \(node.op.name) has no tangent of its own here")
    }
  }
}

extension GraphBuilder {
  /// The sum of terms of which those known to be zero are `nil`; `nil` if all are.
  func sum(_ terms: [ValueID?]) -> ValueID? {
    terms.reduce(nil) { total, term in
      guard let term else { return total }
      return total.map { add($0, term) } ?? term
    }
  }
}
