// SPDX-License-Identifier: Apache-2.0
//
// Reductions, and softmax and its relatives. Without an axis a reduction is over everything, for a
// tree over all elements of all leaves; softmax and its relatives work on the last axis.

import Diagnostics
import SpecLanguage
import TensorIR

extension Builtin {
  static let reductions: [Builtin] = [
    reduction(.sum, summary: "the sum; of a tree over all its arrays, like the next three"),
    reduction(.mean, summary: "the sum over the number of elements"),
    reduction(.max, summary: "the largest element"),
    reduction(.min, summary: "the smallest element"),
    Builtin(
      "logsumexp", .floats("x"), .axes("axis", or: -1), .flag("keep"),
      summary: "`log(sum(exp(x)))`, without overflow"
    ) { e, _, x, axis, keep in
      let axes = try e.axes(axis, rank: x.rank)
      return .tensor(e.restored(e.logSumExp(x.tensor, axes), x.tensor, axes, keep))
    },
    Builtin(
      "softmax", .floats("x"), .axes("axis", or: -1), summary: "`exp(x) / sum(exp(x))`"
    ) { e, _, x, axis in .tensor(e.softmax(x.tensor, try e.axes(axis, rank: x.rank))) },
    Builtin(
      "log_softmax", .floats("x"), .axes("axis", or: -1), summary: "its logarithm"
    ) { e, _, x, axis in .tensor(e.logSoftmax(x.tensor, try e.axes(axis, rank: x.rank))) },
    Builtin("dot", .any("a"), .any("b"), summary: "`sum(a * b)`") { e, place, a, b in
      let product = try e.binary(.multiply, at: place, a, b)
      return .tensor(try e.total(.sum, a.part(product)))
    },
  ]

  private static func reduction(_ kind: ReductionKind, summary: String) -> Builtin {
    Builtin(kind.rawValue, .any("x"), .axes("axis"), .flag("keep"), summary: summary) {
      e, _, x, axis, keep in .tensor(try e.reduction(kind, x, axis, keep: keep))
    }
  }
}

private enum ReductionKind: String {
  case sum, mean, max, min

  /// Whether arrays of whole numbers can be reduced.
  var takesIntegers: Bool {
    switch self {
    case .sum, .max: true
    case .mean, .min: false
    }
  }

  /// What joins the results of the leaves of a tree.
  var joining: BinaryFunction {
    switch self {
    case .sum, .mean: .add
    case .max: .maximum
    case .min: .minimum
    }
  }
}

extension Elaborator {
  fileprivate func reduction(
    _ kind: ReductionKind, _ operand: Operand, _ axis: AxesArgument, keep: Bool
  ) throws -> Tensor {
    if case .tree = operand.value {
      guard axis.operand == nil, !keep else {
        throw fail(
          .kind(what: "the argument", expected: "an array", found: operand.value.kind),
          at: operand.expression.span)
      }
      return try total(kind, operand)
    }
    let x = try tensor(operand)
    guard x.dtype.isFloat || x.dtype == .i32 && kind.takesIntegers else {
      throw fail(
        .floatsNeeded(operand.value.kind), at: operand.expression.span, operands: [operand],
        help: "float(...) converts")
    }
    let axes = try axes(axis, rank: x.shape.count)
    let sum = restored(reduce(kind, x, axes: axes), x, axes, keep)
    return kind == .mean ? divided(sum, by: axes.map { x.shape[$0] }.reduce(1, *)) : sum
  }

  /// The reduction of all elements of all leaves.
  fileprivate func total(_ kind: ReductionKind, _ operand: Operand) throws -> Tensor {
    let leaves = try materialized(operand).tensors
    guard !leaves.isEmpty else { return try tensor(operand) }
    let parts = leaves.map { reduce(kind, $0, axes: Array($0.shape.indices)) }
    let result = parts.dropFirst().reduce(parts[0]) { emitter.binary(kind.joining, $0, $1) }
    return kind == .mean
      ? divided(result, by: leaves.map(\.type.elementCount).reduce(0, +)) : result
  }

  /// The reduction but for the division of a mean.
  private func reduce(_ kind: ReductionKind, _ x: Tensor, axes: [Int]) -> Tensor {
    switch kind {
    case .max: return emitter.reduce(.maximum, x, axes: axes)
    case .min:
      let negated = emitter.unary(.negate, x)
      return emitter.unary(.negate, emitter.reduce(.maximum, negated, axes: axes))
    case .sum, .mean: return emitter.reduce(.sum, x, axes: axes)
    }
  }

  private func divided(_ sum: Tensor, by count: Int) -> Tensor {
    count > 1
      ? emitter.binary(.multiply, sum, emitter.constant(1 / Double(count), sum.type)) : sum
  }

  /// With `keep`, the reduced axes come back with size 1.
  fileprivate func restored(
    _ reduced: Tensor, _ x: Tensor, _ axes: [Int], _ keep: Bool
  ) -> Tensor {
    guard keep else { return reduced }
    return emitter.reshape(
      reduced, to: x.shape.indices.map { axes.contains($0) ? 1 : x.shape[$0] })
  }
}

// MARK: - Softmax and its relatives

/// Everything is taken relative to the largest element, so nothing overflows. The largest element
/// cancels from the result, so no derivative flows through it.
extension Elaborator {
  fileprivate func softmax(_ x: Tensor, _ axes: [Int]) -> Tensor {
    let exponentials = emitter.unary(.exp, shifted(x, by: largest(x, axes), axes))
    let sum = emitter.reduce(.sum, exponentials, axes: axes)
    return emitter.binary(.divide, exponentials, repeated(sum, like: x, axes))
  }

  fileprivate func logSoftmax(_ x: Tensor, _ axes: [Int]) -> Tensor {
    let shifted = shifted(x, by: largest(x, axes), axes)
    let sum = emitter.reduce(.sum, emitter.unary(.exp, shifted), axes: axes)
    return emitter.binary(.subtract, shifted, repeated(emitter.unary(.log, sum), like: x, axes))
  }

  /// The log-sum-exp of infinities is infinite, so there an infinite element is not subtracted from
  /// itself.
  fileprivate func logSumExp(_ x: Tensor, _ axes: [Int]) -> Tensor {
    let largest = finite(largest(x, axes))
    let exponentials = emitter.unary(.exp, shifted(x, by: largest, axes))
    let sum = emitter.reduce(.sum, exponentials, axes: axes)
    return emitter.binary(.add, emitter.unary(.log, sum), largest)
  }

  private func largest(_ x: Tensor, _ axes: [Int]) -> Tensor {
    emitter.add(.stopGradient, emitter.reduce(.maximum, x, axes: axes))
  }

  private func shifted(_ x: Tensor, by largest: Tensor, _ axes: [Int]) -> Tensor {
    emitter.binary(.subtract, x, repeated(largest, like: x, axes))
  }

  /// The elements of `x`, 0 in the place of infinite ones.
  private func finite(_ x: Tensor) -> Tensor {
    let infinity = emitter.constant(.infinity, x.type)
    let isInfinite = emitter.add(.compare(.equal), emitter.unary(.abs, x), infinity)
    return emitter.add(.select, isInfinite, emitter.constant(0, x.type), x)
  }

  /// A reduced array repeated along the axes that were reduced.
  private func repeated(_ reduced: Tensor, like x: Tensor, _ axes: [Int]) -> Tensor {
    let kept = x.shape.indices.filter { !axes.contains($0) }
    return axes.isEmpty
      ? reduced : emitter.add(.broadcast(shape: x.shape, axes: kept), reduced)
  }
}
