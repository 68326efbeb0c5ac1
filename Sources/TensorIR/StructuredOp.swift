// SPDX-License-Identifier: Apache-2.0
//
// Structured ops: functions whose naive form holds an array far larger than their operands and
// results (attention: queries x keys; linear cross-entropy: tokens x vocabulary). Each comes in four
// derivative orders, each of which is one op again, so that no such array exists at any order:
//
//   value             x, c                                -> y, s
//   tangent           x, c, y, s, x_tan                   -> y_tan, s_tan
//   adjoint           x, c, y, s, y_adj                   -> x_adj
//   adjointTangent    x, c, y, s, y_adj, x_tan, y_tan, s_tan, y_adj_tan -> x_adj_tan
//
// x: the differentiable operands; c: the others (labels); y: the result; s: row statistics, kept so
// that the later orders can recompute what they need tile by tile. s is of no use to anyone else and
// no adjoint flows into it. x and c stand in one order whatever of them is differentiable: a term
// of attention's scores that does not move in one derivative is a c there and an x elsewhere.
//
// `StructuredOp+Decomposition.swift` says what they mean.

/// What a structured op computes.
package enum StructuredFunction: Hashable, Sendable {
  /// Softmax attention with heads side by side.
  ///
  /// - Shapes: `q: [b, s, h, d]`, `k, v: [b, t, g, d]`, `h` a multiple of `g` (grouped queries: query
  ///   head `i` reads key head `i / (h / g)`) `-> o: [b, s, h, d]`, statistics `[b, h, s]`, the
  ///   log-sum-exp of each row of scores (0 where a query sees no key). How scores are made, which
  ///   count, and what operands that takes besides: `AttentionScores`. If causal, `s = t`.
  case attention(AttentionScores)

  /// Cross-entropy of a linear classifier, per token: `logsumexp_v(x . w_v) - x . w_label`.
  ///
  /// - Shapes: `x: [n, d]`, `w: [v, d]`, `labels: i32[n] -> loss: [n]`, statistics `[n]`, the
  ///   log-sum-exp of each token's logits.
  case linearCrossEntropy

  /// For each operand of the value, whether it is differentiable.
  private var isInput: [Bool] {
    switch self {
    case .attention(let scores): [true, true, true] + scores.extras.map(scores.isMoving)
    case .linearCrossEntropy: [true, true, false]
    }
  }

  /// The number of operands of the value.
  package var operandCount: Int { isInput.count }

  /// The differentiable ones among them.
  package var inputPositions: [Int] { isInput.indices.filter { isInput[$0] } }

  /// The number of differentiable operands.
  package var inputCount: Int { inputPositions.count }

  /// The same function, of which the operands at some positions are differentiable besides those
  /// that always are; whether the others are, is up to the caller.
  package func moving(_ positions: Set<Int>) -> StructuredFunction {
    guard case .attention(let scores) = self else { return self }
    let extras = scores.extras
    return .attention(
      scores.moving { extra in
        extras.firstIndex(of: extra).map { positions.contains(3 + $0) } ?? false
      })
  }

  /// The op's name in text.
  package var name: String {
    switch self {
    case .attention: "attention"
    case .linearCrossEntropy: "linear_cross_entropy"
    }
  }
}

/// Which derivative of a structured function an op computes.
package enum DerivativeOrder: String, Hashable, Sendable, CaseIterable {
  case value, tangent, adjoint, adjointTangent
}

/// A structured function at one derivative order.
package struct StructuredOp: Hashable, Sendable {
  package var function: StructuredFunction
  package var order: DerivativeOrder

  package init(_ function: StructuredFunction, _ order: DerivativeOrder = .value) {
    self.function = function
    self.order = order
  }

  /// The op's name in text: `attention`, `attention_adjoint_tangent`.
  package var name: String {
    switch order {
    case .value: function.name
    case .tangent: function.name + "_tangent"
    case .adjoint: function.name + "_adjoint"
    case .adjointTangent: function.name + "_adjoint_tangent"
    }
  }
}

/// The operands of a structured op by their part; absent parts are empty or `nil`.
package struct StructuredOperands<Operand> {
  /// Those of the value, as they stand.
  package var given: [Operand]
  package var inputs: [Operand]
  package var constants: [Operand]
  package var result: Operand?
  package var statistics: Operand?
  package var adjoint: Operand?
  package var inputTangents: [Operand] = []
  package var resultTangent: Operand?
  package var statisticsTangent: Operand?
  package var adjointTangent: Operand?

  /// Sorts a list of operands, or returns `nil` if it has the wrong length.
  package init?(_ list: [Operand], of op: StructuredOp) {
    var rest = list[...]
    func take(_ count: Int) -> [Operand]? {
      guard rest.count >= count else { return nil }
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
    let function = op.function
    guard let given = take(function.operandCount) else { return nil }
    self.given = given
    let positions = function.inputPositions
    inputs = positions.map { given[$0] }
    constants = given.indices.filter { !positions.contains($0) }.map { given[$0] }
    let isAdjoint = op.order == .adjoint || op.order == .adjointTangent
    let isTangent = op.order == .tangent || op.order == .adjointTangent
    if op.order != .value {
      guard let known = take(2) else { return nil }
      (result, statistics) = (known[0], known[1])
    }
    if isAdjoint {
      guard let adjoint = take(1) else { return nil }
      self.adjoint = adjoint[0]
    }
    if isTangent {
      guard let tangents = take(function.inputCount) else { return nil }
      inputTangents = tangents
    }
    if op.order == .adjointTangent {
      guard let tangents = take(3) else { return nil }
      (resultTangent, statisticsTangent, adjointTangent) = (tangents[0], tangents[1], tangents[2])
    }
    guard rest.isEmpty else { return nil }
  }
}

extension StructuredOp {
  /// The types of the results, or `nil` if the op cannot take such operands.
  func resultTypes(_ types: [TensorType]) -> [TensorType]? {
    guard let operands = StructuredOperands(types, of: self),
      let values = function.valueTypes(operands.given)
    else { return nil }
    let (result, statistics) = (values[0], values[1])
    let knownAgree = [
      (operands.result, result), (operands.statistics, statistics), (operands.adjoint, result),
      (operands.resultTangent, result), (operands.statisticsTangent, statistics),
      (operands.adjointTangent, result),
    ].allSatisfy { found, expected in found == nil || found == expected }
    let tangentsAgree = operands.inputTangents.isEmpty || operands.inputTangents == operands.inputs
    guard knownAgree, tangentsAgree else { return nil }
    switch order {
    case .value, .tangent: return values
    case .adjoint, .adjointTangent: return operands.inputs
    }
  }
}

extension StructuredFunction {
  /// The types of the result and the statistics.
  fileprivate func valueTypes(_ operands: [TensorType]) -> [TensorType]? {
    let dtype = operands[0].dtype
    guard dtype.isFloat, inputPositions.allSatisfy({ operands[$0].dtype == dtype }) else {
      return nil
    }
    switch self {
    case .attention(let scores):
      let (q, k, v) = (operands[0].shape, operands[1].shape, operands[2])
      guard scores.isSound, q.count == 4, k.count == 4, v == operands[1], q[0] == k[0],
        q[3] == k[3],
        q[2] % k[2] == 0, !scores.isCausal || q[1] == k[1],
        zip(scores.extras, operands.dropFirst(3)).allSatisfy({ extra, type in
          extra.canHave(type, queries: operands[0], keys: k[1])
        })
      else { return nil }
      return [operands[0], TensorType([q[0], q[2], q[1]], dtype)]
    case .linearCrossEntropy:
      let (x, w) = (operands[0].shape, operands[1].shape)
      guard x.count == 2, w.count == 2, x[1] == w[1], operands[2] == TensorType([x[0]], .i32)
      else { return nil }
      return [TensorType([x[0]], dtype), TensorType([x[0]], dtype)]
    }
  }
}

extension AttentionExtra {
  /// Whether the operand can have a type.
  ///
  /// - Parameter queries: the type of the queries.
  fileprivate func canHave(_ type: TensorType, queries q: TensorType, keys: Int) -> Bool {
    let pairs = [q.shape[0], q.shape[2], q.shape[1], keys]
    let isOfPairs =
      type.shape.count == 4 && zip(type.shape, pairs).allSatisfy { $0 == 1 || $0 == $1 }
    return switch self {
    case .relative: type == TensorType([pairs[0], pairs[1], pairs[2] + keys - 1], q.dtype)
    case .bias: isOfPairs && type.dtype == q.dtype
    case .lengths: type == TensorType([pairs[0]], .i32)
    case .mask: isOfPairs && type.dtype == .bool
    }
  }
}
