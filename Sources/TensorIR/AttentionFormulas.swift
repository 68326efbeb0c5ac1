// SPDX-License-Identifier: Apache-2.0
//
// What attention and its derivatives mean, in primitives, as in `StructuredOp+Decomposition.swift`;
// how scores are made and which count is in `AttentionScoreFormulas.swift`.
//
// Names in the formulas: p = probabilities, r = row sums, `_tan` = tangent, `_adj` = adjoint.

/// Attention on `[b, s, h, d]`; scores are `[b, g, r, s, t]` with query head `h = g * r + i`.
struct AttentionFormulas {
  let builder: GraphBuilder
  let operands: StructuredOperands<ValueID>
  let scores: AttentionScores
  private let group: Int

  // Labels of the axes.
  private static let (b, s, g, r, d, t) = (0, 1, 2, 3, 4, 5)
  private static let queryLike = [b, s, g, r, d]
  private static let keyLike = [b, t, g, d]
  private static let scoreLike = [b, g, r, s, t]

  init(
    _ builder: GraphBuilder, _ operands: StructuredOperands<ValueID>, _ scores: AttentionScores
  ) {
    self.builder = builder
    self.operands = operands
    self.scores = scores
    group = builder.shape(of: operands.given[1])[2]
  }

  func results(_ order: DerivativeOrder) -> [ValueID] {
    let (q, k, v) = (split(operands.given[0]), operands.given[1], operands.given[2])
    let pairs = AttentionScoreFormulas(
      builder, scores, products: scaled(scoreProduct(q, k)),
      extras: Array(operands.given.dropFirst(3)), order)
    let values = pairs.value()
    guard order != .value, let o = operands.result, let statistics = operands.statistics else {
      let lse = builder.rowLogSumExp(values, empty: scores.mayHideAll ? 0 : nil)
      let p = builder.unary(.exp, builder.subtractRow(values, lse))
      return [merge(valueProduct(p, v)), mergeStatistics(lse)]
    }
    let p = builder.unary(.exp, builder.subtractRow(values, splitStatistics(statistics)))
    switch order {
    case .value: return []
    case .tangent:
      let v_tan = operands.inputTangents[2]
      let (scores_tan, _) = pairs.tangents(productTangent(q, k), termTangents)
      let r = builder.rowSum(builder.multiply(p, scores_tan))
      let p_tan = builder.multiply(p, builder.subtractRow(scores_tan, r))
      let o_tan = builder.add(valueProduct(p_tan, v), valueProduct(p, v_tan))
      return [merge(o_tan), mergeStatistics(r)]
    case .adjoint:
      guard let o_adj = operands.adjoint.map(split) else { return [] }
      let scores_adj = builder.multiply(p, centred(scoreProduct(o_adj, v), o_adj, split(o)))
      let products_adj = pairs.gain.map { builder.multiply($0, scores_adj) } ?? scores_adj
      return queryKeyAdjoints(products_adj, q, k) + [keyProduct(p, o_adj)]
        + termAdjoints(pairs, scores_adj)
    case .adjointTangent:
      return adjointTangent(q, k, v, pairs, p, split(o))
    }
  }

  private func adjointTangent(
    _ q: ValueID, _ k: ValueID, _ v: ValueID, _ pairs: AttentionScoreFormulas, _ p: ValueID,
    _ o: ValueID
  ) -> [ValueID] {
    guard let o_adj = operands.adjoint.map(split), let o_tan = operands.resultTangent.map(split),
      let r = operands.statisticsTangent.map(splitStatistics),
      let o_adj_tan = operands.adjointTangent.map(split)
    else { return [] }
    let tangents = operands.inputTangents
    let (q_tan, k_tan, v_tan) = (split(tangents[0]), tangents[1], tangents[2])
    let (scores_tan, gain_tan) = pairs.tangents(productTangent(q, k), termTangents)
    let p_tan = builder.multiply(p, builder.subtractRow(scores_tan, r))
    let inner = centred(scoreProduct(o_adj, v), o_adj, o)
    let inner_tan = builder.subtract(
      builder.add(scoreProduct(o_adj_tan, v), scoreProduct(o_adj, v_tan)),
      builder.repeatRow(
        builder.add(rowProduct(o_adj_tan, o), rowProduct(o_adj, o_tan)), like: inner))
    let scores_adj = builder.multiply(p, inner)
    let scores_adj_tan = builder.add(builder.multiply(p_tan, inner), builder.multiply(p, inner_tan))
    var (products_adj, products_adj_tan) = (scores_adj, scores_adj_tan)
    if let gain = pairs.gain, let gain_tan {
      products_adj = builder.multiply(gain, scores_adj)
      products_adj_tan = builder.add(
        builder.multiply(gain, scores_adj_tan), builder.multiply(gain_tan, scores_adj))
    }
    let first = queryKeyAdjoints(products_adj_tan, q, k)
    let second = queryKeyAdjoints(products_adj, q_tan, k_tan)
    let v_adj_tan = builder.add(keyProduct(p_tan, o_adj), keyProduct(p, o_adj_tan))
    return zip(first, second).map(builder.add) + [v_adj_tan] + termAdjoints(pairs, scores_adj_tan)
  }

  // MARK: Pieces

  private func productTangent(_ q: ValueID, _ k: ValueID) -> ValueID {
    let (q_tan, k_tan) = (split(operands.inputTangents[0]), operands.inputTangents[1])
    return scaled(builder.add(scoreProduct(q_tan, k), scoreProduct(q, k_tan)))
  }

  private var movingTerms: [AttentionExtra] { scores.extras.filter(scores.isMoving) }

  private var termTangents: [AttentionExtra: ValueID] {
    Dictionary(uniqueKeysWithValues: zip(movingTerms, operands.inputTangents.dropFirst(3)))
  }

  private func termAdjoints(
    _ pairs: AttentionScoreFormulas, _ scores_adj: ValueID
  ) -> [ValueID] {
    movingTerms.compactMap { pairs.termAdjoint($0, scores_adj) }
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

  private func scaled(_ x: ValueID) -> ValueID { builder.scale(x, by: scores.scale) }

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
