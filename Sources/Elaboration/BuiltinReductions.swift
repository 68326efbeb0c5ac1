// SPDX-License-Identifier: Apache-2.0
//
// Reductions, and softmax and its relatives. Without an axis a reduction is over everything, for a
// tree over all elements of all leaves; softmax and its relatives work on the last axis.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// A reduction, softmax, log-softmax, log-sum-exp or dot product.
  func reduction(_ builtin: Builtin, _ call: BuiltinCall) throws -> Value {
    if builtin == .dot {
      let product = try binary(.multiply, at: call.callee.span, call["a"], call["b"])
      return .tensor(try total(.sum, call["a"].part(product)))
    }
    if case .tree(let tree) = call["x"].value {
      return .tensor(try reduceTree(builtin, tree, call))
    }
    let x = try tensor(call["x"])
    guard x.dtype.isFloat || x.dtype == .i32 && [.sum, .max].contains(builtin) else {
      throw fail(
        .floatsNeeded(call["x"].value.kind), at: call["x"].expression.span,
        operands: [call["x"]], help: "float(...) converts")
    }
    switch builtin {
    case .softmax, .logSoftmax, .logsumexp:
      let axes = try axes(call.operands["axis"], rank: x.shape.count, absent: [x.shape.count - 1])
      return .tensor(try softmaxFamily(builtin, x, axes: axes, keep: try keep(call)))
    default:
      let all = Array(x.shape.indices)
      let axes = try axes(call.operands["axis"], rank: x.shape.count, absent: all)
      return .tensor(restored(reduce(builtin, x, axes: axes), x, axes, try keep(call)))
    }
  }

  private func reduce(_ builtin: Builtin, _ x: Tensor, axes: [Int]) -> Tensor {
    switch builtin {
    case .max: return emitter.reduce(.maximum, x, axes: axes)
    case .min:
      let negated = emitter.unary(.negate, x)
      return emitter.unary(.negate, emitter.reduce(.maximum, negated, axes: axes))
    case .mean:
      let sum = emitter.reduce(.sum, x, axes: axes)
      let count = axes.map { x.shape[$0] }.reduce(1, *)
      guard count > 1 else { return sum }
      return emitter.binary(.multiply, sum, emitter.constant(1 / Double(count), sum.type))
    default: return emitter.reduce(.sum, x, axes: axes)
    }
  }

  /// Everything is taken relative to the largest element, so nothing overflows. The largest element
  /// cancels from the result, so no derivative flows through it. The log-sum-exp of infinities is
  /// infinite, so there an infinite element is not subtracted from itself.
  private func softmaxFamily(
    _ builtin: Builtin, _ x: Tensor, axes: [Int], keep: Bool
  ) throws -> Tensor {
    var largest = emitter.add(.stopGradient, emitter.reduce(.maximum, x, axes: axes))
    if builtin == .logsumexp { largest = finite(largest) }
    let shifted = emitter.binary(.subtract, x, repeated(largest, like: x, axes))
    let exponentials = emitter.unary(.exp, shifted)
    let sum = emitter.reduce(.sum, exponentials, axes: axes)
    switch builtin {
    case .softmax: return emitter.binary(.divide, exponentials, repeated(sum, like: x, axes))
    case .logSoftmax:
      return emitter.binary(
        .subtract, shifted, repeated(emitter.unary(.log, sum), like: x, axes))
    default:
      let result = emitter.binary(.add, emitter.unary(.log, sum), largest)
      return restored(result, x, axes, keep)
    }
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

  /// With `keep`, the reduced axes come back with size 1.
  private func restored(_ reduced: Tensor, _ x: Tensor, _ axes: [Int], _ keep: Bool) -> Tensor {
    guard keep else { return reduced }
    return emitter.reshape(
      reduced, to: x.shape.indices.map { axes.contains($0) ? 1 : x.shape[$0] })
  }

  private func keep(_ call: BuiltinCall) throws -> Bool {
    guard let operand = call.operands["keep"] else { return false }
    guard case .boolean(let keep) = operand.value else {
      throw fail(
        .kind(what: "keep", expected: "true or false", found: operand.value.kind),
        at: operand.expression.span)
    }
    return keep
  }
}

// MARK: - Trees

extension Elaborator {
  private func reduceTree(_ builtin: Builtin, _ tree: Tree, _ call: BuiltinCall) throws -> Tensor {
    let operand = call["x"]
    guard call.operands["axis"] == nil, call.operands["keep"] == nil,
      [.sum, .mean, .max, .min].contains(builtin)
    else {
      throw fail(
        .kind(what: "the argument", expected: "an array", found: operand.value.kind),
        at: operand.expression.span)
    }
    return try total(builtin, operand)
  }

  /// The reduction of all elements of all leaves.
  private func total(_ builtin: Builtin, _ operand: Operand) throws -> Tensor {
    let leaves = try materialized(operand).tensors
    guard let first = leaves.first else { return try tensor(operand) }
    let combine: BinaryFunction =
      switch builtin {
      case .max: .maximum
      case .min: .minimum
      default: .add
      }
    let inner: Builtin = builtin == .mean ? .sum : builtin
    let parts = leaves.map { reduce(inner, $0, axes: Array($0.shape.indices)) }
    let result = parts.dropFirst().reduce(parts[0]) { emitter.binary(combine, $0, $1) }
    guard builtin == .mean else { return result }
    let count = leaves.map(\.type.elementCount).reduce(0, +)
    return emitter.binary(
      .multiply, result, emitter.constant(1 / Double(count), .scalar(first.dtype)))
  }
}

// MARK: - Axes

extension Elaborator {
  /// The axes an argument names, counted from the start and increasing.
  func axes(_ operand: Operand?, rank: Int, absent: [Int]) throws -> [Int] {
    guard let operand else {
      guard absent.allSatisfy({ $0 >= 0 }) else { return [] }
      return absent
    }
    let values: [Value] =
      switch operand.value {
      case .list(let parts), .tuple(let parts): parts
      default: [operand.value]
      }
    let axes = try values.map {
      try axis(operand.part($0), rank: rank)
    }
    guard Set(axes).count == axes.count else {
      throw fail(.argumentRepeated("an axis"), at: operand.expression.span)
    }
    return axes.sorted()
  }

  /// One axis, counted from the start; negative numbers count from the end.
  func axis(_ operand: Operand, rank: Int) throws -> Int {
    let value = try integer(operand, "an axis")
    let axis = value < 0 ? value + rank : value
    guard axis >= 0, axis < rank else {
      throw fail(.axisOutOfRange(value, rank: rank), at: operand.expression.span)
    }
    return axis
  }
}
