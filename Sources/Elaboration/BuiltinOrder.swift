// SPDX-License-Identifier: Apache-2.0
//
// Built-in functions about order: sorting, the places of extrema, elements in another order, and sums
// over groups of elements. Positions are i32 arrays, through which no derivative flows; values taken at
// them are gathers, so their derivatives of every order are gathers and scatters.

import Diagnostics
import SpecLanguage
import TensorIR

extension Builtin {
  static let order: [Builtin] = [
    Builtin(
      "flip", .array("x"), .axis("axis", or: -1), summary: "the elements of an axis from its end on"
    ) { .tensor(try $0.flipped(at: $1, $2, $3)) },
    Builtin(
      "roll", .array("x"), .whole("shift", "the shift"), .axis("axis", or: -1),
      summary: "the elements moved along an axis, those that leave it coming in at its other end"
    ) { .tensor(try $0.rolled(at: $1, $2, by: $3, $4)) },
    Builtin(
      "take_along_axis", .array("x"), .wholes("indices"), .axis("axis", or: -1),
      summary: "for each element of `indices`, that of `x` with this position on the axis"
    ) { .tensor(try $0.takenAlong(at: $1, $2, $3, $4)) },
    Builtin(
      "argsort", .array("x"), .axis("axis", or: -1), .flag("descending"),
      summary: "the positions of the elements in increasing order; see [Order](#order)"
    ) { e, place, x, axis, isDescending in
      let axis = try e.axisOfNumbers(at: place, x, axis)
      return .tensor(e.orderedPositions(x.tensor, axis: axis, isDescending: isDescending))
    },
    Builtin(
      "sort", .array("x"), .axis("axis", or: -1), .flag("descending"),
      summary: "the elements in increasing order"
    ) { e, place, x, axis, isDescending in
      let axis = try e.axisOfNumbers(at: place, x, axis)
      let positions = e.orderedPositions(x.tensor, axis: axis, isDescending: isDescending)
      return .tensor(e.elements(of: x.tensor, at: positions, axis: axis))
    },
    Builtin(
      "top_k", .array("x"), .positive("k", "k"), .axis("axis", or: -1),
      summary: "the `k` largest elements, the largest first, and their positions, as a tuple"
    ) { try $0.largest(at: $1, $2, count: $3, $4) },
    Builtin(
      "argmax", .array("x"), .axis("axis", or: -1), .flag("keep"),
      summary: "the position of the largest element, the first of several"
    ) { .tensor(try $0.extremumPosition(at: $1, $2, $3, keep: $4, isMaximum: true)) },
    Builtin(
      "argmin", .array("x"), .axis("axis", or: -1), .flag("keep"),
      summary: "the position of the smallest element, the first of several"
    ) { .tensor(try $0.extremumPosition(at: $1, $2, $3, keep: $4, isMaximum: false)) },
    Builtin(
      "segment_sum", .array("values"), .wholes("segments"),
      .positive("count", "the number of segments"), .axis("axis", or: 0),
      summary: "the sums of the elements of each segment; `segments` says which one each belongs to"
    ) { .tensor(try $0.segmentSums(at: $1, $2, $3, count: $4, $5).sums) },
    Builtin(
      "segment_mean", .floats("values"), .wholes("segments"),
      .positive("count", "the number of segments"), .axis("axis", or: 0),
      summary: "the means of the elements of each segment, 0 of none"
    ) { e, place, values, segments, count, axis in
      let (sums, sizes) = try e.segmentSums(at: place, values, segments, count: count, axis)
      return .tensor(e.emitter.binary(.divide, sums, sizes()))
    },
  ]
}

// MARK: - Moved

extension Elaborator {
  fileprivate func flipped(
    at place: Span, _ x: ArrayArgument, _ axis: AxisArgument
  ) throws -> Tensor {
    let axis = try self.axis(axis, rank: x.rank, at: place)
    let count = x.shape[axis]
    guard count > 1 else { return x.tensor }
    return strided(x.tensor, axis: axis, from: count - 1, by: -1, count: count)
  }

  fileprivate func rolled(
    at place: Span, _ x: ArrayArgument, by shift: Int, _ axis: AxisArgument
  ) throws -> Tensor {
    let axis = try self.axis(axis, rank: x.rank, at: place)
    let count = x.shape[axis]
    let cut = (count - shift % count) % count
    guard cut > 0 else { return x.tensor }
    let parts = [(cut, count), (0, cut)].map { slice(x.tensor, axis: axis, from: $0, to: $1) }
    return emitter.append(.concatenate(axis: axis), parts)[0]
  }

  /// As NumPy has it: `indices` has the axes of `x`, of the same sizes or of 1 but for the axis.
  fileprivate func takenAlong(
    at place: Span, _ x: ArrayArgument, _ indices: ArrayArgument, _ axis: AxisArgument
  ) throws -> Tensor {
    let axis = try self.axis(axis, rank: x.rank, at: place)
    var (source, target) = (x.shape, indices.shape)
    let wrong = {
      self.fail(
        .shape(
          what: "the indices of take_along_axis",
          expected: "the shape \(x.shape.spelling) but for axis \(axis)",
          found: indices.shape.spelling), at: place, operands: [x.operand, indices.operand])
    }
    guard target.count == x.rank else { throw wrong() }
    source[axis] = target[axis]
    guard let common = commonShape(source, target) else { throw wrong() }
    (source, target) = (common, common)
    source[axis] = x.shape[axis]
    let positions = checked(
      indices.tensor, below: x.shape[axis], of: indices.operand.expression, axis: axis,
      in: (x.operand.expression, x.tensor))
    return elements(
      of: emitter.broadcast(x.tensor, to: source), at: emitter.broadcast(positions, to: target),
      axis: axis)
  }

  /// Elements at positions along an axis that are known to be in range; the shapes are equal but there.
  fileprivate func elements(of x: Tensor, at positions: Tensor, axis: Int) -> Tensor {
    let last = x.shape.count - 1
    let rows = emitter.moveAxis(x, from: axis, to: last)
    let places = emitter.moveAxis(positions, from: axis, to: last)
    let result = emitter.add(
      .gather, emitter.reshape(rows, to: [x.type.elementCount]),
      placesOfAll(places, rowLength: x.shape[axis]))
    return emitter.moveAxis(result, from: last, to: axis)
  }

  /// Positions along the last axis as places among all elements of rows of a length.
  private func placesOfAll(_ positions: Tensor, rowLength: Int) -> Tensor {
    let leading = Array(positions.shape.dropLast())
    let strides = (leading + [rowLength]).denseStrides
    return leading.indices.reduce(positions) { sum, axis in
      guard leading[axis] > 1 else { return sum }
      let row = emitter.add(.iota(axis: axis, shape: positions.shape))
      let stride = emitter.constant(Double(strides[axis]), row.type)
      return emitter.binary(.add, sum, emitter.binary(.multiply, row, stride))
    }
  }
}

// MARK: - Order

extension Elaborator {
  /// The axis, of an array that has an order.
  fileprivate func axisOfNumbers(
    at place: Span, _ x: ArrayArgument, _ axis: AxisArgument
  ) throws -> Int {
    try requireNumbers(x)
    return try self.axis(axis, rank: x.rank, at: place)
  }

  /// The positions of the elements along an axis in stable order; NaN comes last either way.
  ///
  /// The rank of an element is the number of those that stand before it, so all are found at once, in
  /// vector lanes and without a branch.
  ///
  /// - Cost: n comparisons for each of the n elements of a row, of which nothing is stored.
  fileprivate func orderedPositions(_ x: Tensor, axis: Int, isDescending: Bool) -> Tensor {
    let (last, count) = (x.shape.count - 1, x.shape[axis])
    let keys = emitter.moveAxis(isDescending ? descendingKeys(x) : x, from: axis, to: last)
    let pairs = keys.shape + [count]
    let these = emitter.add(.broadcast(shape: pairs, axes: Array(0...last)), keys)
    let others = emitter.add(
      .broadcast(shape: pairs, axes: Array(0..<last) + [last + 1]), keys)
    let isEarlier = emitter.add(
      .compare(.less), emitter.add(.iota(axis: last + 1, shape: pairs)),
      emitter.add(.iota(axis: last, shape: pairs)))
    let (zero, one) = (
      emitter.constant(0, TensorType(pairs, .i32)), emitter.constant(1, TensorType(pairs, .i32))
    )
    func indicator(_ comparison: Comparison, _ a: Tensor, _ b: Tensor) -> Tensor {
      emitter.add(.select, emitter.add(.compare(comparison), a, b), one, zero)
    }
    var isBefore = emitter.add(
      .select, isEarlier, indicator(.lessOrEqual, others, these), indicator(.less, others, these))
    if x.dtype.isFloat {
      let beforeNaN = emitter.add(.select, isEarlier, one, indicator(.equal, others, others))
      let isNaN = emitter.add(.compare(.notEqual), these, these)
      isBefore = emitter.add(.select, isNaN, beforeNaN, isBefore)
    }
    let ranks = inRange(emitter.reduce(.sum, isBefore, axes: [last + 1]), count: count)
    let places = placesOfAll(ranks, rowLength: count)
    let elements = x.type.elementCount
    let sorted = emitter.add(
      .scatterAdd(rows: elements), emitter.reshape(places, to: [elements]),
      emitter.reshape(emitter.add(.iota(axis: last, shape: keys.shape)), to: [elements]))
    let positions = inRange(emitter.reshape(sorted, to: keys.shape), count: count)
    return emitter.moveAxis(positions, from: last, to: axis)
  }

  /// Numbers in the opposite order. `-1 - x` has no overflow, unlike `-x`.
  private func descendingKeys(_ x: Tensor) -> Tensor {
    if x.dtype.isFloat { return emitter.unary(.negate, x) }
    return emitter.binary(.subtract, emitter.constant(-1, x.type), x)
  }

  /// Positions that are in range anyway, said so that it can be proved.
  private func inRange(_ positions: Tensor, count: Int) -> Tensor {
    let last = emitter.constant(Double(count - 1), positions.type)
    let bounded = emitter.binary(.minimum, positions, last)
    return emitter.binary(.maximum, bounded, emitter.constant(0, positions.type))
  }

  fileprivate func largest(
    at place: Span, _ x: ArrayArgument, count: Int, _ axis: AxisArgument
  ) throws -> Value {
    let axis = try axisOfNumbers(at: place, x, axis)
    guard count <= x.shape[axis] else {
      throw fail(
        .kind(
          what: "k", expected: "at most the axis' size \(x.shape[axis])", found: String(count)),
        at: place, operands: [x.operand])
    }
    let positions = slice(
      orderedPositions(x.tensor, axis: axis, isDescending: true), axis: axis, from: 0, to: count)
    let values = elements(of: x.tensor, at: positions, axis: axis)
    return .tuple([.tensor(values), .tensor(positions)])
  }

  /// The first position of an extremum, or of a NaN if there is one.
  fileprivate func extremumPosition(
    at place: Span, _ x: ArrayArgument, _ axis: AxisArgument, keep: Bool, isMaximum: Bool
  ) throws -> Tensor {
    let axis = try axisOfNumbers(at: place, x, axis)
    let keys = isMaximum ? x.tensor : descendingKeys(x.tensor)
    let others = x.shape.indices.filter { $0 != axis }
    let largest = emitter.add(
      .broadcast(shape: x.shape, axes: others), emitter.reduce(.maximum, keys, axes: [axis]))
    let places = emitter.add(.iota(axis: axis, shape: x.shape))
    // The first place is the largest number of places that are left.
    let end = emitter.constant(Double(x.shape[axis] - 1), places.type)
    let left = emitter.binary(.subtract, end, places)
    let none = emitter.constant(-1, places.type)
    var found = emitter.add(
      .select, emitter.add(.compare(.equal), keys, largest), left, none)
    if keys.dtype.isFloat {
      found = emitter.add(.select, emitter.add(.compare(.notEqual), keys, keys), left, found)
    }
    let most = emitter.reduce(.maximum, found, axes: [axis])
    let first = emitter.binary(
      .subtract, emitter.constant(Double(x.shape[axis] - 1), most.type), most)
    let position = inRange(first, count: x.shape[axis])
    guard keep else { return position }
    var shape = x.shape
    shape[axis] = 1
    return emitter.withUnitAxes(position, shape: shape)
  }
}

// MARK: - Segments

extension Elaborator {
  /// The sums of segments, and the numbers of their elements, at least 1, in the shape of the sums. The
  /// axes of `segments` are those of `values` from `axis` on; in the result the segments replace them.
  fileprivate func segmentSums(
    at place: Span, _ values: ArrayArgument, _ segments: ArrayArgument, count: Int,
    _ axis: AxisArgument
  ) throws -> (sums: Tensor, sizes: () -> Tensor) {
    let axis = try axisOfNumbers(at: place, values, axis)
    let end = axis + segments.rank
    guard segments.rank > 0, end <= values.rank,
      Array(values.shape[axis..<end]) == segments.shape
    else {
      throw fail(
        .shape(
          what: "the segments", expected: "the sizes of the values' axes from axis \(axis) on",
          found: "\(segments.shape.spelling) for \(values.shape.spelling)"), at: place,
        operands: [values.operand, segments.operand])
    }
    let numbers = checked(
      segments.tensor, below: count, of: segments.operand.expression, "a segment")
    let others = values.shape.indices.filter { $0 < axis || $0 >= end }
    let rows = emitter.transpose(values.tensor, Array(axis..<end) + others)
    let sums = emitter.add(.scatterAdd(rows: count), numbers, rows)
    let result = emitter.moveAxis(sums, from: 0, to: axis)
    return (
      result,
      { [self] in
        let ones = emitter.constant(1, TensorType(segments.shape, values.tensor.dtype))
        let sizes = emitter.add(.scatterAdd(rows: count), numbers, ones)
        let atLeastOne = emitter.binary(.maximum, sizes, emitter.constant(1, sizes.type))
        return emitter.add(.broadcast(shape: result.shape, axes: [axis]), atLeastOne)
      }
    )
  }
}
