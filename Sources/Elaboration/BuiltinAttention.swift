// SPDX-License-Identifier: Apache-2.0
//
// The arguments of `attention`, from the shapes of the language (any leading axes, terms and masks
// that stretch like in NumPy, slopes of ALiBi) to the operands of the op.

import Diagnostics
import SpecLanguage
import TensorIR

/// What `attention` is called with; `nil` for what is left out.
struct AttentionArguments {
  let q: ArrayArgument, k: ArrayArgument, v: ArrayArgument
  let isCausal: Bool
  let scale: Double?
  let window: WholeArgument?, prefix: WholeArgument?
  let lengths: ArrayArgument?, mask: ArrayArgument?
  let softcap: NumberArgument?
  let alibi: ArrayArgument?, relative: ArrayArgument?, bias: ArrayArgument?

  fileprivate var leading: [Int] { Array(q.shape.dropLast(3)) }
  fileprivate var batch: Int { leading.reduce(1, *) }
  fileprivate var queries: Int { q.positions }
  fileprivate var keys: Int { k.positions }
  fileprivate var heads: Int { q.heads }
}

extension ArrayArgument {
  /// The axes of `[..., positions, heads, width]`.
  fileprivate var positions: Int { shape[rank - 3] }
  fileprivate var heads: Int { shape[rank - 2] }
  fileprivate var width: Int { shape[rank - 1] }
}

extension Elaborator {
  /// `attention(q: [..., s, h, d], k: [..., t, g, d], v: [..., t, g, d], causal: true, scale: x)` and
  /// what else changes scores or rules pairs out.
  ///
  /// - Errors: `shape` if arrays do not fit each other, `kind` for numbers out of range; at the argument.
  func attention(at place: Span, _ given: AttentionArguments) throws -> Value {
    let (q, k, v) = (given.q, given.k, given.v)
    guard Array(k.shape.dropLast(3)) == given.leading, k.width == q.width, v.shape == k.shape,
      given.heads % k.heads == 0, !given.isCausal || given.keys == given.queries
    else {
      let keys = given.isCausal ? given.queries : given.keys
      throw fail(
        .shape(
          what: "the keys and values of attention",
          expected: "\(given.leading + [keys, given.heads, q.width])"
            + " (or a number of heads that divides \(given.heads))",
          found: "\(k.shape) and \(v.shape)"),
        at: place, operands: [q.operand, k.operand, v.operand])
    }
    var operands = [q, k, v].map {
      emitter.reshape($0.tensor, to: [given.batch] + Array($0.shape.suffix(3)))
    }
    let scores = try scores(given)
    for extra in scores.extras {
      switch extra {
      case .relative: operands += try relativeTerm(given).map { [$0] } ?? []
      case .bias: operands += try given.bias.map { [try pairs($0, "the bias", given)] } ?? []
      case .lengths: operands += try given.lengths.map { [try lengths($0, given)] } ?? []
      case .mask: operands += try given.mask.map { [try pairs($0, "the mask", given)] } ?? []
      }
    }
    let results = emitter.append(.structured(StructuredOp(.attention(scores))), operands)
    return .tensor(emitter.reshape(results[0], to: q.shape))
  }

  /// The variant, without windows and prefixes that rule nothing out.
  private func scores(_ given: AttentionArguments) throws -> AttentionScores {
    var scores = AttentionScores(
      scale: given.scale ?? 1 / Double(given.q.width).squareRoot(), isCausal: given.isCausal)
    try require(given.window?.value ?? 0, "the window", given.window?.operand)
    try require(given.prefix?.value ?? 0, "the prefix", given.prefix?.operand)
    if let softcap = given.softcap {
      guard softcap.value > 0, softcap.value.isFinite else {
        throw fail(
          .kind(what: "softcap", expected: "a positive number", found: "\(softcap.value)"),
          at: softcap.operand.expression.span)
      }
      scores.softcap = softcap.value
    }
    scores.window = given.window.flatMap {
      $0.value < max(given.queries, given.keys) ? $0.value : nil
    }
    let prefix = given.prefix?.value ?? 0
    if prefix >= given.keys { (scores.isCausal, scores.window) = (false, nil) }
    if scores.isBanded { scores.prefix = prefix }
    scores.relative = given.alibi == nil && given.relative == nil ? .absent : .moving
    scores.bias = given.bias == nil ? .absent : .moving
    scores.hasLengths = given.lengths != nil
    scores.hasMask = given.mask != nil
    return scores
  }

  private func require(_ number: Int, _ what: String, _ operand: Operand?) throws {
    guard number < 0, let operand else { return }
    throw fail(
      .kind(what: what, expected: "at least 0", found: String(number)),
      at: operand.expression.span, operands: [operand])
  }

  // MARK: Operands

  /// Stretches an argument to `shape`, whose last `fixed` sizes it must have itself.
  private func stretched(
    _ argument: ArrayArgument, to shape: [Int], fixed: Int = 0, _ what: String
  ) throws -> Tensor {
    try check(argument, stretches: shape, fixed: fixed, what)
    return emitter.broadcast(argument.tensor, to: shape)
  }

  private func check(
    _ argument: ArrayArgument, stretches shape: [Int], fixed: Int = 0, _ what: String
  ) throws {
    let sizes = zip(argument.shape.reversed(), shape.reversed())
    guard argument.rank >= fixed, argument.rank <= shape.count,
      sizes.allSatisfy({ $0 == $1 || $0 == 1 }), sizes.prefix(fixed).allSatisfy({ $0 == $1 })
    else {
      throw fail(
        .shape(
          what: "\(what) of attention", expected: "\(shape), or what stretches to it",
          found: "\(argument.shape)"),
        at: argument.operand.expression.span, operands: [argument.operand])
    }
  }

  private func lengths(_ lengths: ArrayArgument, _ given: AttentionArguments) throws -> Tensor {
    let stretched = try stretched(lengths, to: given.leading, "the lengths")
    return emitter.reshape(stretched, to: [given.batch])
  }

  /// An array of pairs as `[batch, heads, queries, keys]`, any of which may be 1.
  private func pairs(
    _ argument: ArrayArgument, _ what: String, _ given: AttentionArguments
  ) throws -> Tensor {
    let last = [given.heads, given.queries, given.keys]
    try check(argument, stretches: given.leading + last, what)
    let missing = given.leading.count + 3 - argument.rank
    let shape = [Int](repeating: 1, count: missing) + argument.shape
    let own = Array(shape.suffix(3))
    guard shape.dropLast(3).contains(where: { $0 != 1 }) else {
      return emitter.reshape(argument.tensor, to: [1] + own)
    }
    let whole = emitter.broadcast(
      emitter.reshape(argument.tensor, to: shape), to: given.leading + own)
    return emitter.reshape(whole, to: [given.batch] + own)
  }

  /// What depends on how far the key is ahead, `[batch, heads, queries + keys - 1]`: a term of the
  /// user's and ALiBi's `-slope * |distance|`.
  ///
  /// - Source: Press, Smith and Lewis, "Train short, test long", ICLR 2022.
  private func relativeTerm(_ given: AttentionArguments) throws -> Tensor? {
    let distances = given.queries + given.keys - 1
    let shape = given.leading + [given.heads, distances]
    var terms: [Tensor] = []
    if let relative = given.relative {
      terms.append(try stretched(relative, to: shape, fixed: 1, "the relative bias"))
    }
    if let alibi = given.alibi {
      try check(alibi, stretches: given.leading + [given.heads], "the slopes")
      let dtype = alibi.tensor.dtype
      let ahead = emitter.convert(emitter.add(.iota(axis: 0, shape: [distances])), to: dtype)
      let none = emitter.constant(Double(given.queries - 1), TensorType([distances], dtype))
      let size = emitter.unary(.abs, emitter.binary(.subtract, ahead, none))
      let own = alibi.shape + [distances]
      let slopes = emitter.broadcast(
        emitter.reshape(alibi.tensor, to: alibi.shape + [1]), to: own)
      let term = emitter.binary(.multiply, slopes, emitter.broadcast(size, to: own))
      terms.append(emitter.broadcast(emitter.unary(.negate, term), to: shape))
    }
    guard let first = terms.first else { return nil }
    let sum = terms.dropFirst().reduce(first) { emitter.binary(.add, $0, $1) }
    return emitter.reshape(sum, to: [given.batch, given.heads, distances])
  }
}
