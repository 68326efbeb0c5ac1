// SPDX-License-Identifier: Apache-2.0
//
// i32 arrays as positions. Several in one subscript are NumPy's "advanced indexing": they stretch to
// one shape and are taken together, element by element, so `z[iota(n), y]` is `[n]`. Their axes stand
// where the first of them stood if the indexed axes are neighbours, else in front; a whole number
// beside arrays, or an array without axes, counts as one of them for that.
//
// Unlike NumPy, an element of an index array counts from the start only: a negative one is out of
// range. Each array is checked against its own axis before anything is made of it.

import Diagnostics
import SpecLanguage
import TensorIR

/// What a subscript selects by arrays.
struct AxisSelection {
  /// Index arrays with axes of their own, and the axis of what is left of the array that each is for, increasing.
  private(set) var arrays: [(axis: Int, indices: Tensor)] = []
  /// Axes so far, those that are kept and those that arrays are for.
  private(set) var axisCount = 0
  /// Axes that are gone.
  private var positionCount = 0
  /// Kept axes before the first array or whole number.
  private var keptBefore: Int?
  private var kept = 0
  /// Whether a kept axis, or `...`, stands between arrays and whole numbers.
  private var isDivided = false
  private var isAfterKept = false

  mutating func add(_ indices: Tensor) {
    arrays.append((axisCount, indices))
    axisCount += 1
    note()
  }

  /// Notes a whole number, whose axis is gone.
  mutating func addPosition() {
    positionCount += 1
    note()
  }

  private mutating func note() {
    if keptBefore == nil { keptBefore = kept } else if isAfterKept { isDivided = true }
    isAfterKept = false
  }

  /// Notes `count` axes that are kept; `...` may be none.
  mutating func addKept(_ count: Int) {
    axisCount += count
    kept += count
    isAfterKept = true
  }

  /// The axis of the whole array that is next.
  var sourceAxis: Int { axisCount + positionCount }

  /// The kept axes before those of the arrays in the result.
  var place: Int { isDivided ? 0 : keptBefore ?? 0 }
}

extension Elaborator {
  /// The operand as an index array, or `nil` if it is no array. A list of whole numbers is one; they
  /// may be negative, counting from the end.
  func indexArray(_ operand: Operand, size: Int) throws -> Tensor? {
    switch operand.value {
    case .tensor(let tensor):
      if tensor.dtype == .i32 { return tensor }
      throw fail(
        .kind(
          what: "a position", expected: "a whole number or an i32 array", found: operand.value.kind),
        at: operand.expression.span, operands: [operand],
        help: tensor.dtype == .bool
          ? "how many elements a mask selects is known only when it runs; write select(mask, x, 0)"
          : "int(...) converts")
    case .list(let parts):
      let positions = try parts.map { part in
        if case .integer(let index) = part {
          return Value.integer(try resolve(index, size: size, at: operand.expression.span))
        }
        return part
      }
      let tensor = try tensor(operand.part(.list(positions)), dtype: .i32)
      return try indexArray(operand.part(.tensor(tensor)), size: size)
    default: return nil
    }
  }

  /// The rows of `x` along one axis at checked positions; the axes of `indices` replace it.
  func gather(_ x: Tensor, _ indices: Tensor, axis: Int) -> Tensor {
    let rows = emitter.add(.gather, emitter.moveAxis(x, from: axis, to: 0), indices)
    return placing(rows, first: indices.shape.count, at: axis)
  }

  /// What a subscript selects, once ranges and whole numbers are applied.
  func gather(_ x: Tensor, _ selection: AxisSelection, at span: Span) throws -> Tensor {
    var shape: [Int] = []
    for (_, indices) in selection.arrays {
      guard let common = commonShape(shape, indices.shape) else {
        throw fail(
          .broadcast(
            op: "a subscript", lhs: shape.spelling, rhs: indices.shape.spelling), at: span)
      }
      shape = common
    }
    let axes = selection.arrays.map(\.axis)
    guard let first = axes.first else { return x }
    if axes.count == 1 {
      let rows = emitter.add(
        .gather, emitter.moveAxis(x, from: first, to: 0), selection.arrays[0].indices)
      return placing(rows, first: shape.count, at: min(selection.place, x.shape.count - 1))
    }
    let sizes = axes.map { x.shape[$0] }
    guard let count = Self.elementCount(of: sizes), count <= Int(Int32.max) else {
      throw fail(.limitation("several index arrays on axes of more than 2^31 elements"), at: span)
    }
    // The indexed axes become one, in which a place is a sum of positions times strides.
    let others = x.shape.indices.filter { !axes.contains($0) }
    let front = emitter.transpose(x, axes + others)
    let table = emitter.reshape(front, to: [count] + others.map { x.shape[$0] })
    let places = zip(selection.arrays, sizes.denseStrides).map { array, stride in
      let indices = emitter.broadcast(array.indices, to: shape)
      return stride == 1
        ? indices
        : emitter.binary(.multiply, indices, emitter.constant(Double(stride), indices.type))
    }
    let place = places.dropFirst().reduce(places[0]) { emitter.binary(.add, $0, $1) }
    let rows = emitter.add(.gather, table, place)
    return placing(rows, first: shape.count, at: selection.place)
  }

  /// Moves the first axes behind `place` of the others.
  private func placing(_ x: Tensor, first count: Int, at place: Int) -> Tensor {
    let others = Array(count..<max(count, x.shape.count))
    return emitter.transpose(
      x, Array(others.prefix(place)) + Array(0..<count) + Array(others.dropFirst(place)))
  }
}
