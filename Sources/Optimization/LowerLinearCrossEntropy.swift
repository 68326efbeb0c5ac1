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
// 10 for its tangent. It does not even read the statistics of the value, which is then dead code if
// nobody wants the loss. No derivative may be asked for afterwards: this pass comes after
// differentiation.

import TensorIR

extension Pass {
  package static let lowerLinearCrossEntropy = Pass(
    name: "lower linear cross entropy",
    summary: "computes linear cross-entropy part by part, never all logits",
    run: lowered)
}

@Sendable private func lowered(_ graph: Graph) -> Graph {
  Rewriter.rewrite(graph) { rewriter, node, operands in
    guard case .structured(let op) = node.op, op.function == .linearCrossEntropy else {
      return rewriter.append(node.op.mapRegions(lowered), operands)
    }
    let builder = GraphBuilder(name: op.name)
    return builder.withProvenance(node.provenance) {
      let inputs = operands.enumerated().map {
        builder.input("x\($0)", rewriter.type(of: $1))
      }
      guard let parts = StructuredOperands(inputs, of: op) else {
        preconditionFailure("compiler bug: \(op.name) with \(operands.count) operands")
      }
      let results =
        switch op.order {
        case .value, .tangent: TiledCrossEntropy(builder, parts).results()
        case .adjoint, .adjointTangent: StripedCrossEntropy(builder, parts).results()
        }
      for (index, result) in results.enumerated() { builder.output("y\(index)", result) }
      return rewriter.inline(builder.graph, operands)
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
}
