// SPDX-License-Identifier: Apache-2.0
//
// How the scores of attention are made and which count, in primitives (`AttentionScores` says what
// each part means). All arrays of pairs are `[b, g, r, s, t]`, with query head `h = g * r + i`.

/// The scores of attention from the scaled products of queries and keys, and what derivatives need.
struct AttentionScoreFormulas {
  private let builder: GraphBuilder
  private let scores: AttentionScores
  /// `[b, g, r, s, t]`.
  private let shape: [Int]
  private let extras: [AttentionExtra: ValueID]
  private let products: ValueID
  private let order: DerivativeOrder
  /// `tanh(products / softcap)`.
  private let capped: ValueID?
  /// The derivative of the scores by the products; `nil` stands for 1.
  let gain: ValueID?

  /// - Parameters:
  ///   - extras: the operands of `scores.extras`.
  ///   - order: the derivative that is asked for.
  init(
    _ builder: GraphBuilder, _ scores: AttentionScores, products: ValueID, extras: [ValueID],
    _ order: DerivativeOrder
  ) {
    self.builder = builder
    self.scores = scores
    self.products = products
    self.order = order
    self.extras = Dictionary(uniqueKeysWithValues: zip(scores.extras, extras))
    shape = builder.shape(of: products)
    let capped = scores.softcap.map {
      builder.unary(.tanh, builder.scale(products, by: 1 / $0))
    }
    self.capped = capped
    gain = capped.flatMap { y in
      order != .value
        ? builder.subtract(builder.constant(1, like: y), builder.multiply(y, y)) : nil
    }
  }

  // MARK: Scores

  /// The scores of the pairs that count, minus infinity for the others.
  func value() -> ValueID {
    var result = products
    if let limit = scores.softcap, let capped { result = builder.scale(capped, by: limit) }
    return masked(withTerms(result, extras), with: -.infinity)
  }

  /// The tangents of the scores, 0 for pairs that do not count, and of `gain`, if the adjoint's
  /// tangent asks for it.
  ///
  /// - Parameter terms: the tangents of the moving terms.
  func tangents(
    _ products_tan: ValueID, _ terms: [AttentionExtra: ValueID]
  ) -> (scores: ValueID, gain: ValueID?) {
    guard let limit = scores.softcap, let capped, let gain else {
      return (masked(withTerms(products_tan, terms), with: 0), nil)
    }
    let moved = builder.multiply(gain, products_tan)
    let scores_tan = masked(withTerms(moved, terms), with: 0)
    guard order == .adjointTangent else { return (scores_tan, nil) }
    return (scores_tan, builder.scale(builder.multiply(capped, moved), by: -2 / limit))
  }

  // MARK: Terms

  private func withTerms(_ x: ValueID, _ terms: [AttentionExtra: ValueID]) -> ValueID {
    var result = x
    if let relative = terms[.relative] { result = builder.add(result, unfolded(relative)) }
    if let bias = terms[.bias] { result = builder.add(result, stretched(bias)) }
    return result
  }

  /// The adjoint of a moving term from that of the scores.
  func termAdjoint(_ extra: AttentionExtra, _ scores_adj: ValueID) -> ValueID? {
    guard let term = extras[extra] else { return nil }
    return extra == .relative ? folded(scores_adj) : shrunk(scores_adj, to: builder.shape(of: term))
  }

  private var heads: Int { shape[1] * shape[2] }

  /// `[b, h, s + t - 1]`, read at `j - i + s - 1`. All rows after one another, each a whole row of
  /// the operand, are read in rows that are one element shorter: each then begins one further left.
  private func unfolded(_ relative: ValueID) -> ValueID {
    let (b, s, t) = (shape[0], shape[3], shape[4])
    guard s > 1 else { return builder.reshape(relative, to: shape) }
    let width = s + t - 1
    let rows = builder.broadcast(relative, to: [b, heads, s, width], axes: [0, 1, 3])
    let line = builder.slice(
      builder.reshape(rows, to: [b, heads, s * width]), starts: [0, 0, s - 1],
      shape: [b, heads, s * (width - 1)])
    let shorter = builder.reshape(line, to: [b, heads, s, width - 1])
    let all = builder.slice(shorter, starts: [0, 0, 0, 0], shape: [b, heads, s, t])
    return builder.reshape(all, to: shape)
  }

  /// The transpose of `unfolded`.
  private func folded(_ x: ValueID) -> ValueID {
    let (b, s, t) = (shape[0], shape[3], shape[4])
    guard s > 1 else { return builder.reshape(x, to: [b, heads, t]) }
    let width = s + t - 1
    let all = builder.pad(
      builder.reshape(x, to: [b, heads, s, t]), low: [0, 0, 0, 0], high: [0, 0, 0, s - 2])
    let line = builder.pad(
      builder.reshape(all, to: [b, heads, s * (width - 1)]), low: [0, 0, s - 1], high: [0, 0, 1])
    return builder.sum(builder.reshape(line, to: [b, heads, s, width]), axes: [2])
  }

  /// `[b, h, s, t]`, any of which may be 1, repeated.
  private func stretched(_ x: ValueID) -> ValueID {
    let whole = [shape[0], heads, shape[3], shape[4]]
    let own = builder.shape(of: x)
    let axes = own.indices.filter { own[$0] == whole[$0] }
    let kept = builder.reshape(x, to: axes.map { own[$0] })
    return builder.reshape(builder.broadcast(kept, to: whole, axes: axes), to: shape)
  }

  /// The transpose of `stretched`.
  private func shrunk(_ x: ValueID, to own: [Int]) -> ValueID {
    let whole = [shape[0], heads, shape[3], shape[4]]
    let axes = own.indices.filter { own[$0] != whole[$0] }
    let all = builder.reshape(x, to: whole)
    return builder.reshape(axes.isEmpty ? all : builder.sum(all, axes: axes), to: own)
  }

  // MARK: Which count

  /// `x` with a number in the place of pairs that do not count.
  private func masked(_ x: ValueID, with number: Double) -> ValueID {
    let other = builder.constant(number, like: x)
    var result = x
    func keep(_ condition: ValueID) { result = builder.select(condition, result, other) }
    if scores.isCausal { keep(builder.compare(.greaterOrEqual, query(), key())) }
    if let window = scores.window {
      keep(builder.compare(.greaterOrEqual, key(plus: window), query()))
      if !scores.isCausal { keep(builder.compare(.greaterOrEqual, query(plus: window), key())) }
    }
    if scores.isBanded, scores.prefix > 0 {
      let isFirst = builder.compare(.less, key(), whole(scores.prefix))
      result = builder.select(isFirst, x, result)
    }
    if let lengths = extras[.lengths] {
      keep(builder.compare(.less, key(), builder.broadcast(lengths, to: shape, axes: [0])))
    }
    if let mask = extras[.mask] { keep(stretched(mask)) }
    return result
  }

  private func query(plus number: Int = 0) -> ValueID { place(axis: 3, plus: number) }
  private func key(plus number: Int = 0) -> ValueID { place(axis: 4, plus: number) }

  private func place(axis: Int, plus number: Int) -> ValueID {
    let place = builder.iota(axis: axis, shape: shape)
    return number == 0 ? place : builder.add(place, whole(number))
  }

  private func whole(_ number: Int) -> ValueID {
    builder.constant(Double(number), TensorType(shape, .i32))
  }
}
