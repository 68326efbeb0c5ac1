// SPDX-License-Identifier: Apache-2.0
//
// The places of an array that an assignment to elements writes. Ranges are brought to the whole axis,
// with anything in the places between, and a condition says which places count; positions are
// conditions only. Index arrays are taken together, as in reading: their axes become one, and for each
// of its places the last of the writes that meet it is found by its number.

import Diagnostics
import SpecLanguage
import TensorIR

/// What the subscripts of an assignment choose.
struct WrittenPlaces {
  /// What is chosen along an axis that is kept.
  fileprivate enum Range {
    case whole
    /// `start`, `start + step`, ...
    case known(start: Int, step: Int, count: Int)
    /// The same from a computed start on, which is checked.
    case moving(rows: Tensor, step: Int, count: Int)
  }

  fileprivate var kept: [(axis: Int, range: Range)] = []
  /// The axes with positions or index arrays, and these, checked.
  private var indexed: [(axis: Int, indices: Tensor)] = []
  /// The common shape of the index arrays; empty if there are only positions.
  private var indexShape: [Int] = []
  /// Kept axes before those of the index arrays in the shape of what is written.
  private var place = 0
  private let source: [Int]

  /// The shape of what is written, as of the same subscript that is read.
  var shape: [Int] {
    let sizes = kept.map { axis, range in range.count ?? source[axis] }
    return Array(sizes.prefix(place)) + indexShape + Array(sizes.dropFirst(place))
  }

  /// - Parameter base: the array as it is written.
  init(
    _ e: Elaborator, _ x: Tensor, _ base: Operand, _ subscripts: [Subscript], at span: Span
  ) throws {
    source = x.shape
    try e.requireRank(of: subscripts, base, x.shape.count)
    var selection = AxisSelection()
    var axis = 0
    for entry in subscripts {
      switch entry {
      case .position(let position):
        let indices = try e.positions(position, of: x, axis: axis, base)
        indexed.append((axis, indices))
        if indices.shape.isEmpty { selection.addPosition() } else { selection.add(indices) }
        axis += 1
      case .range(let from, let to, let by, let span):
        kept.append((axis, try Self.range(e, x, axis, base, from, to, by, span)))
        selection.addKept(1)
        axis += 1
      case .ellipsis:
        let count = x.shape.count - (subscripts.count - 1)
        for _ in 0..<count {
          kept.append((axis, .whole))
          axis += 1
        }
        selection.addKept(count)
      }
    }
    for rest in axis..<max(axis, x.shape.count) { kept.append((rest, .whole)) }
    for (_, indices) in indexed {
      guard let common = e.commonShape(indexShape, indices.shape) else {
        throw e.fail(
          .broadcast(op: "a subscript", lhs: indexShape.spelling, rhs: indices.shape.spelling),
          at: span)
      }
      indexShape = common
    }
    place = indexShape.isEmpty ? 0 : selection.place
  }

  private static func range(
    _ e: Elaborator, _ x: Tensor, _ axis: Int, _ base: Operand, _ from: Expression?,
    _ to: Expression?, _ by: Expression?, _ span: Span
  ) throws -> Range {
    if let from, let positions = try e.movingRange(from, to, by, span) {
      let source = Expression(.range(from: from, to: to ?? from, by: by), at: span)
      let rows = e.checked(
        positions, below: x.shape[axis], of: source, axis: axis, in: (base.expression, x))
      let step = try by.map { try e.integer($0, "the step of a range") } ?? 1
      try e.requireForwards(step, at: span)
      return .moving(rows: rows, step: step, count: rows.shape[0])
    }
    let ends = try e.rangeEnds(from, to, by, span, size: x.shape[axis])
    if ends.start == 0, ends.end == x.shape[axis], ends.step == 1 { return .whole }
    let count = (ends.end - ends.start + ends.step - 1) / ends.step
    return .known(start: ends.start, step: ends.step, count: count)
  }

  // MARK: Writing

  /// The array with the value, which has the shape of the places.
  func write(
    _ value: Tensor, into x: Tensor, _ e: Elaborator, at span: Span
  ) throws -> Tensor {
    let emitter = e.emitter
    // The axes of the index arrays come first, then those that are kept, each as it is or filled up.
    let count = indexShape.count
    let front =
      Array(place..<place + count) + Array(0..<place)
      + Array(place + count..<max(place + count, value.shape.count))
    var spread = emitter.transpose(value, front)
    for (position, entry) in kept.enumerated() {
      spread = self.spread(
        spread, axis: count + position, entry.range, size: source[entry.axis], emitter)
    }
    return indexShape.isEmpty
      ? writeAtPositions(spread, into: x, emitter) : try writeRows(spread, into: x, e, at: span)
  }

  /// A value with a whole axis in place of a range of it.
  private func spread(
    _ value: Tensor, axis: Int, _ range: Range, size: Int, _ emitter: Emitter
  ) -> Tensor {
    switch range {
    case .whole: return value
    case .known(let start, let step, let count):
      // Each element with step - 1 zeros behind it, the last one with none.
      var apart = value
      if step > 1 {
        var shape = value.shape
        shape.insert(1, at: axis + 1)
        let padded = pad(
          emitter.reshape(value, to: shape), axis: axis + 1, low: 0, high: step - 1, emitter)
        shape.remove(at: axis + 1)
        shape[axis] = count * step
        let long = emitter.reshape(padded, to: shape)
        shape[axis] = (count - 1) * step + 1
        let starts = [Int](repeating: 0, count: shape.count)
        apart = emitter.add(.slice(starts: starts, shape: shape), long)
      }
      return pad(
        apart, axis: axis, low: start, high: size - start - apart.shape[axis], emitter)
    case .moving(let rows, let step, let count):
      // Place p holds element (p - start) div step, or an element that does not count.
      let distance = distances(rows, size: size, emitter)
      let number = step == 1 ? distance : quotient(distance, step, emitter)
      let last = emitter.constant(Double(count - 1), number.type)
      let clamped = emitter.binary(
        .maximum, emitter.binary(.minimum, number, last), emitter.constant(0, number.type))
      let moved = emitter.add(.gather, emitter.moveAxis(value, from: axis, to: 0), clamped)
      return emitter.moveAxis(moved, from: 0, to: axis)
    }
  }

  private func pad(
    _ x: Tensor, axis: Int, low: Int, high: Int, _ emitter: Emitter
  ) -> Tensor {
    guard low + high > 0 else { return x }
    var (before, after) = ([Int](repeating: 0, count: x.shape.count), [Int]())
    after = before
    before[axis] = low
    after[axis] = high
    return emitter.add(.pad(low: before, high: after), x)
  }

  /// How far each place of an axis is from the first of `rows`.
  private func distances(_ rows: Tensor, size: Int, _ emitter: Emitter) -> Tensor {
    let first = emitter.add(.slice(starts: [0], shape: [1]), rows)
    let start = emitter.broadcast(emitter.reshape(first, to: []), to: [size])
    return emitter.binary(.subtract, emitter.add(.iota(axis: 0, shape: [size])), start)
  }

  private func quotient(_ x: Tensor, _ divisor: Int, _ emitter: Emitter) -> Tensor {
    emitter.binary(.floorDivide, x, emitter.constant(Double(divisor), x.type))
  }

  /// Only positions: every place of the array with its element of the value, where all conditions hold.
  private func writeAtPositions(_ value: Tensor, into x: Tensor, _ emitter: Emitter) -> Tensor {
    let axes = kept.map(\.axis)
    let stretched =
      value.shape == x.shape
      ? value : emitter.add(.broadcast(shape: x.shape, axes: axes), value)
    var conditions = keptConditions(of: x.shape, axes: axes, emitter)
    for (axis, position) in indexed {
      let places = emitter.add(.iota(axis: axis, shape: x.shape))
      conditions.append(
        emitter.add(.compare(.equal), places, emitter.broadcast(position, to: x.shape)))
    }
    return choose(conditions, stretched, x, emitter)
  }

  /// With index arrays: the indexed axes become one, each place of which has the last of its writes.
  private func writeRows(
    _ value: Tensor, into x: Tensor, _ e: Elaborator, at span: Span
  ) throws -> Tensor {
    let emitter = e.emitter
    let axes = indexed.map(\.axis)
    let others = kept.map(\.axis)
    let sizes = axes.map { source[$0] }
    guard let rows = Elaborator.elementCount(of: sizes), rows <= Int(Int32.max) else {
      throw e.fail(
        .limitation("index arrays on axes of more than 2^31 elements"), at: span)
    }
    let writes = indexShape.reduce(1, *)
    let strides = sizes.denseStrides
    let parts = zip(indexed, strides).map { entry, stride in
      let indices = emitter.broadcast(entry.indices, to: indexShape)
      return stride == 1
        ? indices
        : emitter.binary(.multiply, indices, emitter.constant(Double(stride), indices.type))
    }
    let places = parts.dropFirst().reduce(parts[0]) { emitter.binary(.add, $0, $1) }
    let flat = emitter.reshape(places, to: [writes])
    let winner = lastWrites(flat, rows: rows, emitter)
    let none = emitter.constant(0, winner.type)
    let isWritten = emitter.add(.compare(.greaterOrEqual), winner, none)
    let table = emitter.reshape(
      value, to: [writes] + Array(value.shape.dropFirst(indexShape.count)))
    let chosen = emitter.add(.gather, table, emitter.binary(.maximum, winner, none))
    let front = emitter.transpose(x, axes + others)
    let old = emitter.reshape(front, to: chosen.shape)
    var conditions = keptConditions(
      of: old.shape, axes: Array(1..<max(1, old.shape.count)), emitter)
    conditions.append(emitter.add(.broadcast(shape: old.shape, axes: [0]), isWritten))
    let new = choose(conditions, chosen, old, emitter)
    let order = axes + others
    return emitter.transpose(
      emitter.reshape(new, to: front.shape), order.indices.map { order.firstIndex(of: $0) ?? 0 })
  }

  /// For each row the number of the last write to it, or -1.
  private func lastWrites(_ places: Tensor, rows: Int, _ emitter: Emitter) -> Tensor {
    let shape = [rows, places.shape[0]]
    let isMet = emitter.add(
      .compare(.equal), emitter.add(.iota(axis: 0, shape: shape)),
      emitter.add(.broadcast(shape: shape, axes: [1]), places))
    let numbers = emitter.add(.iota(axis: 1, shape: shape))
    let met = emitter.add(.select, isMet, numbers, emitter.constant(-1, numbers.type))
    return emitter.reduce(.maximum, met, axes: [1])
  }

  /// For each kept axis that is not whole, which of its places count.
  ///
  /// - Parameter axes: where the kept axes are in `shape`.
  private func keptConditions(of shape: [Int], axes: [Int], _ emitter: Emitter) -> [Tensor] {
    zip(kept, axes).flatMap { entry, axis -> [Tensor] in
      let size = source[entry.axis]
      let (distance, step, count): (Tensor, Int, Int)
      switch entry.range {
      case .whole: return []
      case .known(let start, let knownStep, let knownCount):
        let places = emitter.add(.iota(axis: 0, shape: [size]))
        distance = emitter.binary(
          .subtract, places, emitter.constant(Double(start), places.type))
        (step, count) = (knownStep, knownCount)
      case .moving(let rows, let movingStep, let movingCount):
        distance = distances(rows, size: size, emitter)
        (step, count) = (movingStep, movingCount)
      }
      let limit = emitter.constant(Double((count - 1) * step), distance.type)
      var conditions = [
        emitter.add(.compare(.greaterOrEqual), distance, emitter.constant(0, distance.type)),
        emitter.add(.compare(.lessOrEqual), distance, limit),
      ]
      if step > 1 {
        let multiple = emitter.binary(
          .multiply, quotient(distance, step, emitter),
          emitter.constant(Double(step), distance.type))
        conditions.append(emitter.add(.compare(.equal), multiple, distance))
      }
      return conditions.map { emitter.add(.broadcast(shape: shape, axes: [axis]), $0) }
    }
  }

  /// The value where all conditions hold, else the old array.
  private func choose(
    _ conditions: [Tensor], _ value: Tensor, _ old: Tensor, _ emitter: Emitter
  ) -> Tensor {
    conditions.reduce(value) { chosen, condition in emitter.add(.select, condition, chosen, old) }
  }
}

extension WrittenPlaces.Range {
  /// The size of the range; nil for that of the axis.
  fileprivate var count: Int? {
    switch self {
    case .whole: nil
    case .known(_, _, let count), .moving(_, _, let count): count
    }
  }
}
