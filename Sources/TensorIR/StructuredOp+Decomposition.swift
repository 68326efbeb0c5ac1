// SPDX-License-Identifier: Apache-2.0
//
// What structured ops mean, in primitives: the formulas of each derivative order, large arrays and
// all. The interpreter evaluates these; derivatives of an order that has no op of its own are taken
// of these. The fused kernels compute the same tile by tile.
//
// Names in the formulas: p = probabilities, r = row sums, `_t` = tangent, `_a` = adjoint.

extension StructuredOp {
  /// The op as a graph of primitives.
  ///
  /// - Cost: memory for whole scores or logits: for small sizes only.
  package func decomposition(_ types: [TensorType]) -> Graph {
    let builder = GraphBuilder(name: name)
    let values = types.enumerated().map { builder.input("x\($0)", $1) }
    guard let operands = StructuredOperands(values, of: self) else {
      preconditionFailure("compiler bug: \(name) with \(types.count) operands")
    }
    let results =
      switch function {
      case .attention(let isCausal, let scale):
        AttentionFormulas(builder, operands, isCausal: isCausal, scale: scale).results(order)
      case .linearCrossEntropy:
        LinearCrossEntropyFormulas(builder, operands).results(order)
      }
    for (index, result) in results.enumerated() { builder.output("y\(index)", result) }
    return builder.graph
  }
}

extension GraphBuilder {
  /// `x - row` with `row` repeated along the last axis.
  fileprivate func subtractRow(_ x: ValueID, _ row: ValueID) -> ValueID {
    subtract(x, repeatRow(row, like: x))
  }

  /// `x * row` with `row` repeated along the last axis.
  fileprivate func multiplyRow(_ x: ValueID, _ row: ValueID) -> ValueID {
    multiply(x, repeatRow(row, like: x))
  }

  fileprivate func repeatRow(_ row: ValueID, like x: ValueID) -> ValueID {
    let shape = shape(of: x)
    return broadcast(row, to: shape, axes: Array(0..<(shape.count - 1)))
  }

  fileprivate func rowSum(_ x: ValueID) -> ValueID { sum(x, axes: [shape(of: x).count - 1]) }

  /// The log-sum-exp of each row.
  fileprivate func rowLogSumExp(_ x: ValueID) -> ValueID {
    let largest = reduce(.maximum, x, axes: [shape(of: x).count - 1])
    return add(largest, unary(.log, rowSum(unary(.exp, subtractRow(x, largest)))))
  }
}

/// Attention on `[b, s, h, d]`; scores are `[b, g, r, s, t]` with query head `h = g * r + i`.
private struct AttentionFormulas {
  let builder: GraphBuilder
  let operands: StructuredOperands<ValueID>
  let isCausal: Bool
  let scale: Double
  private let group: Int

  // Labels of the axes.
  private static let (b, s, g, r, d, t) = (0, 1, 2, 3, 4, 5)
  private static let queryLike = [b, s, g, r, d]
  private static let keyLike = [b, t, g, d]
  private static let scoreLike = [b, g, r, s, t]

  init(
    _ builder: GraphBuilder, _ operands: StructuredOperands<ValueID>, isCausal: Bool, scale: Double
  ) {
    self.builder = builder
    self.operands = operands
    self.isCausal = isCausal
    self.scale = scale
    group = builder.shape(of: operands.inputs[1])[2]
  }

  func results(_ order: DerivativeOrder) -> [ValueID] {
    let (q, k, v) = (split(operands.inputs[0]), operands.inputs[1], operands.inputs[2])
    let scores = masked(scaled(scoreProduct(q, k)), with: -.infinity)
    guard order != .value, let o = operands.result, let statistics = operands.statistics else {
      let lse = builder.rowLogSumExp(scores)
      let p = builder.unary(.exp, builder.subtractRow(scores, lse))
      return [merge(valueProduct(p, v)), mergeStatistics(lse)]
    }
    let p = builder.unary(.exp, builder.subtractRow(scores, splitStatistics(statistics)))
    switch order {
    case .value: return []
    case .tangent:
      let (scores_tan, v_tan) = (scoreTangent(q, k), operands.inputTangents[2])
      let r = builder.rowSum(builder.multiply(p, scores_tan))
      let p_tan = builder.multiply(p, builder.subtractRow(scores_tan, r))
      let o_tan = builder.add(valueProduct(p_tan, v), valueProduct(p, v_tan))
      return [merge(o_tan), mergeStatistics(r)]
    case .adjoint:
      guard let o_adj = operands.adjoint.map(split) else { return [] }
      let scores_adj = builder.multiply(p, centred(scoreProduct(o_adj, v), o_adj, split(o)))
      return queryKeyAdjoints(scores_adj, q, k) + [keyProduct(p, o_adj)]
    case .adjointTangent:
      return adjointTangent(q, k, v, p, split(o))
    }
  }

  private func adjointTangent(
    _ q: ValueID, _ k: ValueID, _ v: ValueID, _ p: ValueID, _ o: ValueID
  ) -> [ValueID] {
    guard let o_adj = operands.adjoint.map(split), let o_tan = operands.resultTangent.map(split),
      let r = operands.statisticsTangent.map(splitStatistics),
      let o_adj_tan = operands.adjointTangent.map(split)
    else { return [] }
    let tangents = operands.inputTangents
    let (q_tan, k_tan, v_tan) = (split(tangents[0]), tangents[1], tangents[2])
    let p_tan = builder.multiply(p, builder.subtractRow(scoreTangent(q, k), r))
    let inner = centred(scoreProduct(o_adj, v), o_adj, o)
    let inner_tan = builder.subtract(
      builder.add(scoreProduct(o_adj_tan, v), scoreProduct(o_adj, v_tan)),
      builder.repeatRow(
        builder.add(rowProduct(o_adj_tan, o), rowProduct(o_adj, o_tan)), like: inner))
    let scores_adj = builder.multiply(p, inner)
    let scores_adj_tan = builder.add(builder.multiply(p_tan, inner), builder.multiply(p, inner_tan))
    let first = queryKeyAdjoints(scores_adj_tan, q, k)
    let second = queryKeyAdjoints(scores_adj, q_tan, k_tan)
    let v_adj_tan = builder.add(keyProduct(p_tan, o_adj), keyProduct(p, o_adj_tan))
    return zip(first, second).map(builder.add) + [v_adj_tan]
  }

  // MARK: Pieces

  private func scoreTangent(_ q: ValueID, _ k: ValueID) -> ValueID {
    let (q_tan, k_tan) = (split(operands.inputTangents[0]), operands.inputTangents[1])
    return masked(scaled(builder.add(scoreProduct(q_tan, k), scoreProduct(q, k_tan))), with: 0)
  }

  /// `x - rowsum(o_adj * o)`.
  private func centred(_ x: ValueID, _ o_adj: ValueID, _ o: ValueID) -> ValueID {
    builder.subtract(x, builder.repeatRow(rowProduct(o_adj, o), like: x))
  }

  /// `[b, g, r, s]`: the inner products over `d` of two query-like arrays.
  private func rowProduct(_ a: ValueID, _ c: ValueID) -> ValueID {
    let product = builder.sum(builder.multiply(a, c), axes: [4])  // [b, s, g, r]
    return builder.transpose(product, [0, 2, 3, 1])
  }

  private func queryKeyAdjoints(_ scores: ValueID, _ q: ValueID, _ k: ValueID) -> [ValueID] {
    let q_adj = builder.contract(
      scores, k,
      ContractionLabels(lhs: Self.scoreLike, rhs: Self.keyLike, output: Self.queryLike))
    return [merge(scaled(q_adj)), scaled(keyProduct(scores, q))]
  }

  private func scoreProduct(_ q: ValueID, _ k: ValueID) -> ValueID {
    builder.contract(
      q, k, ContractionLabels(lhs: Self.queryLike, rhs: Self.keyLike, output: Self.scoreLike))
  }

  private func valueProduct(_ p: ValueID, _ v: ValueID) -> ValueID {
    builder.contract(
      p, v, ContractionLabels(lhs: Self.scoreLike, rhs: Self.keyLike, output: Self.queryLike))
  }

  /// `[b, t, g, d]`: sums over the queries and the heads of a group.
  private func keyProduct(_ p: ValueID, _ q: ValueID) -> ValueID {
    builder.contract(
      p, q, ContractionLabels(lhs: Self.scoreLike, rhs: Self.queryLike, output: Self.keyLike))
  }

  private func scaled(_ x: ValueID) -> ValueID { builder.scale(x, by: scale) }

  private func masked(_ scores: ValueID, with number: Double) -> ValueID {
    guard isCausal else { return scores }
    let shape = builder.shape(of: scores)
    let isSeen = builder.compare(
      .greaterOrEqual, builder.iota(axis: 3, shape: shape), builder.iota(axis: 4, shape: shape))
    return builder.select(isSeen, scores, builder.constant(number, like: scores))
  }

  /// `[b, s, h, d] -> [b, s, g, r, d]`.
  private func split(_ x: ValueID) -> ValueID {
    let shape = builder.shape(of: x)
    return builder.reshape(x, to: [shape[0], shape[1], group, shape[2] / group, shape[3]])
  }

  private func merge(_ x: ValueID) -> ValueID {
    let shape = builder.shape(of: x)
    return builder.reshape(x, to: [shape[0], shape[1], shape[2] * shape[3], shape[4]])
  }

  /// `[b, h, s] -> [b, g, r, s]`.
  private func splitStatistics(_ x: ValueID) -> ValueID {
    let shape = builder.shape(of: x)
    return builder.reshape(x, to: [shape[0], group, shape[1] / group, shape[2]])
  }

  private func mergeStatistics(_ x: ValueID) -> ValueID {
    let shape = builder.shape(of: x)
    return builder.reshape(x, to: [shape[0], shape[1] * shape[2], shape[3]])
  }
}

/// Linear cross-entropy; logits are `z: [n, v]`.
private struct LinearCrossEntropyFormulas {
  let builder: GraphBuilder
  let operands: StructuredOperands<ValueID>

  private static let logits = ContractionLabels(lhs: [0, 2], rhs: [1, 2], output: [0, 1])
  private static let xLike = ContractionLabels(lhs: [0, 1], rhs: [1, 2], output: [0, 2])
  private static let wLike = ContractionLabels(lhs: [0, 1], rhs: [0, 2], output: [1, 2])

  init(_ builder: GraphBuilder, _ operands: StructuredOperands<ValueID>) {
    self.builder = builder
    self.operands = operands
  }

  func results(_ order: DerivativeOrder) -> [ValueID] {
    let (x, w) = (operands.inputs[0], operands.inputs[1])
    let z = builder.contract(x, w, Self.logits)
    guard order != .value, let lse = operands.statistics else {
      let lse = builder.rowLogSumExp(z)
      return [builder.subtract(lse, picked(z)), lse]
    }
    let p = builder.unary(.exp, builder.subtractRow(z, lse))
    switch order {
    case .value: return []
    case .tangent:
      let z_tan = logitTangent(x, w)
      let r = builder.rowSum(builder.multiply(p, z_tan))
      return [builder.subtract(r, picked(z_tan)), r]
    case .adjoint:
      guard let y_adj = operands.adjoint else { return [] }
      let z_adj = builder.multiplyRow(error(p), y_adj)
      return [builder.contract(z_adj, w, Self.xLike), builder.contract(z_adj, x, Self.wLike)]
    case .adjointTangent:
      guard let y_adj = operands.adjoint, let r = operands.statisticsTangent,
        let y_adj_tan = operands.adjointTangent
      else { return [] }
      let (x_tan, w_tan) = (operands.inputTangents[0], operands.inputTangents[1])
      let z_adj = builder.multiplyRow(error(p), y_adj)
      let p_tan = builder.multiply(p, builder.subtractRow(logitTangent(x, w), r))
      let z_adj_tan = builder.add(
        builder.multiplyRow(error(p), y_adj_tan), builder.multiplyRow(p_tan, y_adj))
      let x_adj_tan = builder.add(
        builder.contract(z_adj_tan, w, Self.xLike), builder.contract(z_adj, w_tan, Self.xLike))
      let w_adj_tan = builder.add(
        builder.contract(z_adj_tan, x, Self.wLike), builder.contract(z_adj, x_tan, Self.wLike))
      return [x_adj_tan, w_adj_tan]
    }
  }

  private func logitTangent(_ x: ValueID, _ w: ValueID) -> ValueID {
    builder.add(
      builder.contract(operands.inputTangents[0], w, Self.logits),
      builder.contract(x, operands.inputTangents[1], Self.logits))
  }

  private func isLabel(like z: ValueID) -> ValueID {
    let shape = builder.shape(of: z)
    let labels = builder.broadcast(operands.constants[0], to: shape, axes: [0])
    return builder.compare(.equal, labels, builder.iota(axis: 1, shape: shape))
  }

  /// The label's element of each row.
  private func picked(_ z: ValueID) -> ValueID {
    builder.rowSum(builder.select(isLabel(like: z), z, builder.constant(0, like: z)))
  }

  /// `p - onehot(label)`.
  private func error(_ p: ValueID) -> ValueID {
    let one = builder.subtract(p, builder.constant(1, like: p))
    return builder.select(isLabel(like: p), one, p)
  }
}
