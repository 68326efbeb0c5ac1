// SPDX-License-Identifier: Apache-2.0
//
// Replaces linear cross-entropy, at each of its derivative orders, by a loop in which only a part of
// the logits exists at a time.
//
//     %y, %s = linear_cross_entropy %x, %w, %labels          logits: [n, v]
//   ->
//     value, tangent: loop "vocabulary tiles" over w         logits: [n, t]
//     adjoint, its tangent: loop "token strips" over x       logits: [s, v]
//
// A value is a running sum over tiles, which can be as small as one likes. The adjoint of a logit
// needs its row's log-sum-exp first: with tiles, every logit would be computed twice. A strip has
// whole rows, and so makes each of its products once: 3 instead of 4 for the adjoint, 7 instead of
// 10 for its tangent. Values and tangents that are wanted beside the adjoint of the same logits come
// out of its strips for nothing (`CrossEntropyFamilies.swift`); tiles are for those alone. No
// derivative may be asked for afterwards: this pass comes after differentiation.

import TensorIR

extension Pass {
  package static let lowerLinearCrossEntropy = Pass(
    name: "lower linear cross entropy",
    summary: "computes linear cross-entropy part by part, never all logits",
    run: lowered)
}

@Sendable private func lowered(_ graph: Graph) -> Graph {
  let families = CrossEntropyFamilies(graph)
  var ordered = graph
  ordered.nodes = families.order.map { graph.nodes[$0] }
  var position = -1
  /// What the families computed so far gave, by head.
  var computed: [ValueID: [DerivativeOrder: [ValueID]]] = [:]
  return Rewriter.rewrite(ordered) { rewriter, node, operands in
    position += 1
    guard case .structured(let op) = node.op, op.function == .linearCrossEntropy else {
      return rewriter.append(node.op.mapRegions(lowered), operands)
    }
    guard let family = families.family(of: families.order[position]) else {
      let results = rewriter.inlineTiles(op, operands, node.provenance.for(nil))
      for result in results { rewriter.raise(result, to: node.provenance.purpose) }
      return results
    }
    // The first member has the whole family computed.
    let key = graph.nodes[family.members[0]].results[0]
    let provenance = graph.nodes[family.head].provenance
    let results =
      computed[key] ?? rewriter.inlineStrips(family, provenance.for(nil))
    computed[key] = results
    guard let own = results[op.order] else {
      preconditionFailure("compiler bug: \(op.name) is not computed with its family")
    }
    // What is computed strip by strip is gone with the strip. Of two adjoints, the one that may be a
    // parameter's is that of w.
    let isAdjoint = op.order == .adjoint || op.order == .adjointTangent
    for result in isAdjoint ? own.suffix(1) : own[...] {
      rewriter.raise(result, to: node.provenance.purpose)
    }
    return own
  }
}

extension Rewriter {
  /// Appends a value or a tangent by vocabulary tiles.
  fileprivate func inlineTiles(
    _ op: StructuredOp, _ operands: [ValueID], _ provenance: Provenance
  ) -> [ValueID] {
    let builder = GraphBuilder(name: op.name)
    return builder.withProvenance(provenance) {
      let inputs = operands.enumerated().map { builder.input("x\($0)", type(of: $1)) }
      guard let parts = StructuredOperands(inputs, of: op) else {
        preconditionFailure("compiler bug: \(op.name) with \(operands.count) operands")
      }
      for (index, result) in TiledCrossEntropy(builder, parts).results().enumerated() {
        builder.output("y\(index)", result)
      }
      return inline(builder.graph, operands)
    }
  }

  /// Appends all that a family computes, by strips of tokens.
  fileprivate func inlineStrips(
    _ family: CrossEntropyFamily, _ provenance: Provenance
  ) -> [DerivativeOrder: [ValueID]] {
    let builder = GraphBuilder(name: "linear cross-entropy")
    return builder.withProvenance(provenance) {
      var arguments: [ValueID] = []
      let inputs = family.operands.map { operand in
        arguments.append(new(operand))
        return builder.input("x\(arguments.count)", type(of: new(operand)))
      }
      var results = StripedCrossEntropy(builder, inputs, family.orders).results()
      let names = results.flatMap { order, values in
        values.indices.map { (order, position: $0) }
      }
      for (order, position) in names {
        builder.output("\(order.rawValue)\(position)", results[order, default: []][position])
      }
      for ((order, position), value) in zip(names, inline(builder.graph, arguments)) {
        results[order, default: []][position] = value
      }
      return results
    }
  }
}

extension ContractionLabels {
  /// `x: [n, d], w: [v, d] -> [n, v]`.
  static let logits = ContractionLabels(lhs: [0, 2], rhs: [1, 2], output: [0, 1])
}

extension GraphBuilder {
  /// Whether each of `words` logits of each row is that of the row's label: `[n] -> [n, words]`.
  func isLabel(_ labels: ValueID, words: Int, first: ValueID? = nil) -> ValueID {
    let shape = shape(of: labels) + [words]
    var word = iota(axis: 1, shape: shape)
    if let first { word = add(word, broadcast(scalar: first, to: shape)) }
    return compare(.equal, broadcast(labels, to: shape, axes: [0]), word)
  }

  /// The sum of each row of `x` where `mask` holds.
  func rowSum(of x: ValueID, where mask: ValueID) -> ValueID {
    sum(select(mask, x, constant(0, like: x)), axes: [1])
  }
}
