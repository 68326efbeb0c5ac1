// SPDX-License-Identifier: Apache-2.0
//
// Reductions. Without an axis they are over everything, for a tree over all elements of all leaves.

import Diagnostics
import SpecLanguage
import TensorIR

extension Builtin {
  static let reductions: [Builtin] = [
    reduction(.sum, summary: "the sum; of a tree over all its arrays, like the next two"),
    reduction(.max, summary: "the largest element"),
    reduction(.min, summary: "the smallest element"),
    Builtin(
      "cumsum", .array("x"), .axis("axis", or: -1), .flag("reverse"),
      summary: "the sums along an axis up to each element; from the end on with `reverse`"
    ) { e, place, x, axis, reverse in
      let axis = try e.axis(axis, rank: x.rank, at: place)
      try e.requireNumbers(x)
      return .tensor(e.emitter.add(.cumulativeSum(axis: axis, isReversed: reverse), x.tensor))
    },
    Builtin(
      "prod", .array("x"), .axes("axis"), .flag("keep"),
      summary:
        "the product; its derivatives are products of the other elements, also where some are 0"
    ) { e, _, x, axis, keep in
      try e.requireNumbers(x)
      let axes = try e.axes(axis, rank: x.rank)
      let product = e.product(x.tensor, axes: axes)
      return .tensor(keep ? e.kept(product, x.shape, axes) : product)
    },
    scan("cumprod", summary: "the products along an axis up to each element") {
      $0.emitter.binary(.multiply, $1, $2)
    },
    scan(
      "cummax",
      summary: "the largest elements so far; of those that tie the last one has the derivative"
    ) { $0.laterMaximum($1, $2) },
  ]

  private static func scan(
    _ name: String, summary: String,
    combine: @escaping @Sendable (Elaborator, Tensor, Tensor) -> Tensor
  ) -> Builtin {
    Builtin(name, .array("x"), .axis("axis", or: -1), .flag("reverse"), summary: summary) {
      e, place, x, axis, reverse in
      let axis = try e.axis(axis, rank: x.rank, at: place)
      try e.requireNumbers(x)
      return .tensor(e.scan(x.tensor, axis: axis, isReversed: reverse) { combine(e, $0, $1) })
    }
  }

  private static func reduction(_ kind: ReductionKind, summary: String) -> Builtin {
    Builtin(kind.rawValue, .any("x"), .axes("axis"), .flag("keep"), summary: summary) {
      e, _, x, axis, keep in .tensor(try e.reduction(kind, x, axis, keep: keep))
    }
  }
}

private enum ReductionKind: String {
  case sum, max, min

  /// Whether arrays of whole numbers can be reduced.
  var takesIntegers: Bool {
    switch self {
    case .sum, .max: true
    case .min: false
    }
  }

  /// What joins the results of the leaves of a tree.
  var joining: BinaryFunction {
    switch self {
    case .sum: .add
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
      guard axis.operand == nil, !keep else { throw arrayNeeded(operand) }
      return try total(kind, operand)
    }
    let x = try tensor(operand)
    guard x.dtype.isFloat || x.dtype == .i32 && kind.takesIntegers else {
      throw fail(
        .floatsNeeded(operand.value.kind), at: operand.expression.span, operands: [operand],
        help: "float(...) converts")
    }
    let axes = try axes(axis, rank: x.shape.count)
    let reduced = reduce(kind, x, axes: axes)
    return keep ? kept(reduced, x.shape, axes) : reduced
  }

  /// A reduced array in which the reduced axes come back with size 1.
  fileprivate func kept(_ reduced: Tensor, _ shape: [Int], _ axes: [Int]) -> Tensor {
    emitter.withUnitAxes(
      reduced, shape: shape.indices.map { axes.contains($0) ? 1 : shape[$0] })
  }

  /// Reports conditions where numbers are needed.
  func requireNumbers(_ x: ArrayArgument) throws {
    guard x.tensor.dtype == .bool else { return }
    throw fail(
      .floatsNeeded(x.operand.value.kind), at: x.operand.expression.span, operands: [x.operand],
      help: "float(...) converts")
  }

  /// Reports a tree where axes are asked for.
  func arrayNeeded(_ operand: Operand) -> Reported {
    fail(
      .kind(what: "the argument", expected: "an array", found: operand.value.kind),
      at: operand.expression.span)
  }

  /// The reduction of all elements of all leaves.
  private func total(_ kind: ReductionKind, _ operand: Operand) throws -> Tensor {
    let leaves = try materialized(operand).tensors
    guard !leaves.isEmpty else { return try tensor(operand) }
    let parts = leaves.map { reduce(kind, $0, axes: Array($0.shape.indices)) }
    return parts.dropFirst().reduce(parts[0]) { emitter.binary(kind.joining, $0, $1) }
  }

  private func reduce(_ kind: ReductionKind, _ x: Tensor, axes: [Int]) -> Tensor {
    switch kind {
    case .sum: return emitter.reduce(.sum, x, axes: axes)
    case .max: return emitter.reduce(.maximum, x, axes: axes)
    case .min:
      let negated = emitter.unary(.negate, x)
      return emitter.unary(.negate, emitter.reduce(.maximum, negated, axes: axes))
    }
  }
}
