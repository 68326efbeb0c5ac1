// SPDX-License-Identifier: Apache-2.0
//
// Built-in functions that make, move, join and index arrays.

import Diagnostics
import SpecLanguage
import TensorIR

extension Builtin {
  static let arrays: [Builtin] = creation + movement + indexing

  private static let creation: [Builtin] = [
    Builtin("zeros", .shape("shape"), summary: "an array of zeros") { e, _, shape in
      .tensor(e.emitter.constant(0, TensorType(shape.sizes, e.floatType)).with(shape.forms))
    },
    Builtin("ones", .shape("shape"), summary: "an array of ones") { e, _, shape in
      .tensor(e.emitter.constant(1, TensorType(shape.sizes, e.floatType)).with(shape.forms))
    },
    Builtin("full", .shape("shape"), .floats("value"), summary: "an array filled with a value") {
      e, _, shape, value in
      .tensor(e.emitter.broadcast(value.tensor, to: shape.sizes).with(shape.forms))
    },
    Builtin("iota", .count("count", "a count"), summary: "the whole numbers from 0") {
      e, _, count in
      .tensor(e.emitter.add(.iota(axis: 0, shape: count.sizes)).with(count.forms))
    },
    Builtin(
      "check_labels", .wholes("labels"), .positive("classes", "the number of classes"),
      summary: "the labels as they are, checked to be below the number of classes"
    ) { e, _, labels, classes in .tensor(e.checkedLabels(labels, classes)) },
  ]

  private static let movement: [Builtin] = [
    Builtin(
      "reshape", .array("x"), .sizes("shape"),
      summary: "the elements in another shape; one size may be -1"
    ) { .tensor(try $0.reshaped(at: $1, $2, $3)) },
    Builtin(
      "transpose", .array("x"), .sizes("axes", or: "the last two exchanged"),
      summary: "the axes in another order"
    ) { .tensor(try $0.transposed(at: $1, $2, $3)) },
    Builtin("broadcast", .array("x"), .shape("shape"), summary: "`x` stretched to a shape") {
      .tensor(try $0.stretched(at: $1, $2, $3))
    },
    Builtin(
      "concatenate", .any("parts"), .axis("axis", or: 0), summary: "arrays joined along an axis"
    ) { .tensor(try $0.concatenated(at: $1, $2, $3)) },
    Builtin("stack", .any("parts"), .axis("axis", or: 0), summary: "arrays joined along a new axis")
    {
      .tensor(try $0.stacked(at: $1, $2, $3))
    },
    Builtin(
      "split", .array("x"), .any("count"), .axis("axis", or: -1),
      summary: "equal parts of an axis, as a tuple"
    ) { try $0.split(at: $1, $2, into: $3, $4) },
    Builtin(
      "pad", .floats("x"), .whole("low", "low"), .whole("high", "high"), .axis("axis", or: -1),
      summary: "zeros before and after the elements of an axis"
    ) { .tensor(try $0.padded(at: $1, $2, low: $3, high: $4, $5)) },
  ]

  private static let indexing: [Builtin] = [
    Builtin(
      "take", .array("table"), .wholes("indices"), .axis("axis", or: 0),
      summary: "the rows of a table with the given numbers"
    ) { .tensor(try $0.taken(at: $1, $2, $3, $4)) },
    Builtin(
      "size", .any("x"), .axes("axis"),
      summary: "the number of elements, of a tree of all its arrays, or the size of axes"
    ) { .integer(try $0.size($2, $3)) },
  ]
}

// MARK: - Labels

extension Elaborator {
  /// Labels checked to be below the number of classes.
  fileprivate func checkedLabels(_ labels: ArrayArgument, _ classes: Int) -> Tensor {
    checked(labels.tensor, below: classes, of: labels.operand.expression, "a label")
  }
}

// MARK: - Movement

extension Elaborator {
  fileprivate func reshaped(
    at place: Span, _ x: ArrayArgument, _ shape: SizesArgument
  ) throws -> Tensor {
    var target = shape.sizes
    let open = target.indices.filter { target[$0] == -1 }
    guard open.count <= 1 else {
      throw fail(.ambiguousReshape, at: shape.operand.expression.span)
    }
    let count = x.tensor.type.elementCount
    if let axis = open.first {
      let known = Self.elementCount(of: target.filter { $0 != -1 }) ?? 0
      if known > 0, count.isMultiple(of: known) { target[axis] = count / known }
    }
    guard target.allSatisfy({ $0 >= 1 }), Self.elementCount(of: target) == count else {
      throw fail(
        .reshape(from: x.shape.spelling, to: target.spelling), at: place, operands: [x.operand],
        help: "\(x.shape.spelling) has \(count) elements")
    }
    return emitter.reshape(x.tensor, to: target).with(sizeForms(shape.operand))
  }

  /// Without axes the last two are exchanged, as in a matrix.
  fileprivate func transposed(
    at place: Span, _ x: ArrayArgument, _ axes: SizesArgument?
  ) throws -> Tensor {
    let rank = x.rank
    guard let axes else {
      guard rank >= 2 else {
        throw fail(
          .rank(op: "transpose", expected: "at least two axes", found: x.tensor.type.spelling),
          at: place, operands: [x.operand])
      }
      return emitter.transpose(x.tensor, Array(0..<rank - 2) + [rank - 1, rank - 2])
    }
    let permutation = axes.sizes.map { $0 < 0 ? $0 + rank : $0 }
    guard permutation.sorted() == Array(0..<rank) else {
      throw fail(
        .kind(
          what: "axes", expected: "each of the \(rank) axes of \(x.shape.spelling) once",
          found: axes.operand.value.spelling), at: axes.operand.expression.span)
    }
    return emitter.transpose(x.tensor, permutation)
  }

  fileprivate func stretched(
    at place: Span, _ x: ArrayArgument, _ shape: ShapeArgument
  ) throws -> Tensor {
    guard commonShape(x.shape, shape.sizes) == shape.sizes else {
      throw fail(
        .broadcast(op: "broadcast", lhs: x.shape.spelling, rhs: shape.sizes.spelling), at: place,
        operands: [x.operand])
    }
    return emitter.broadcast(x.tensor, to: shape.sizes).with(shape.forms)
  }

  /// Zeros before and after the elements of one axis.
  fileprivate func padded(
    at place: Span, _ x: ArrayArgument, low: Int, high: Int, _ axis: AxisArgument
  ) throws -> Tensor {
    let axis = try self.axis(axis, rank: x.rank, at: place)
    guard low >= 0, high >= 0 else {
      throw fail(
        .kind(what: "low and high", expected: "at least 0", found: "\(low) and \(high)"), at: place)
    }
    var before = [Int](repeating: 0, count: x.rank)
    var after = before
    before[axis] = low
    after[axis] = high
    return low + high == 0 ? x.tensor : emitter.add(.pad(low: before, high: after), x.tensor)
  }
}

// MARK: - Parts

extension Elaborator {
  /// Arrays joined along an axis that they have.
  fileprivate func concatenated(
    at place: Span, _ parts: Operand, _ axis: AxisArgument
  ) throws -> Tensor {
    let tensors = try self.parts(parts)
    let axis = try self.axis(axis, rank: tensors[0].shape.count, at: place)
    return try joined(tensors, along: axis, parts, at: place)
  }

  /// Arrays joined along an axis that they do not have.
  fileprivate func stacked(
    at place: Span, _ parts: Operand, _ axis: AxisArgument
  ) throws -> Tensor {
    let tensors = try self.parts(parts)
    let axis = try self.axis(axis, rank: tensors[0].shape.count + 1, at: place)
    let expanded = tensors.map { tensor in
      var shape = tensor.shape
      shape.insert(1, at: min(axis, shape.count))
      return emitter.reshape(tensor, to: shape)
    }
    return try joined(expanded, along: axis, parts, at: place)
  }

  /// The arrays of a list or tuple of at least one.
  private func parts(_ operand: Operand) throws -> [Tensor] {
    switch operand.value {
    case .list(let parts) where !parts.isEmpty, .tuple(let parts) where !parts.isEmpty:
      return try parts.map { try tensor(operand.part($0)) }
    default:
      throw fail(
        .kind(what: "parts", expected: "a list of arrays", found: operand.value.kind),
        at: operand.expression.span)
    }
  }

  private func joined(
    _ tensors: [Tensor], along axis: Int, _ parts: Operand, at place: Span
  ) throws -> Tensor {
    let first = tensors[0].type
    for tensor in tensors {
      var comparable = tensor.type
      if comparable.rank == first.rank { comparable.shape[axis] = first.shape[axis] }
      guard comparable == first else {
        throw fail(
          .broadcast(op: place.text, lhs: first.spelling, rhs: tensor.type.spelling), at: place,
          operands: [parts])
      }
    }
    return tensors.count == 1 ? tensors[0] : emitter.append(.concatenate(axis: axis), tensors)[0]
  }

  /// Equal parts of an axis.
  fileprivate func split(
    at place: Span, _ x: ArrayArgument, into parts: Operand, _ axis: AxisArgument
  ) throws -> Value {
    let count = try integer(parts, "the number of parts")
    let axis = try self.axis(axis, rank: x.rank, at: place)
    guard count >= 1, x.shape[axis].isMultiple(of: count) else {
      throw fail(
        .kind(
          what: "the number of parts", expected: "a divisor of the axis' size",
          found: "\(count) for \(x.shape.spelling)"), at: parts.expression.span,
        operands: [x.operand])
    }
    let size = x.shape[axis] / count
    return .tuple(
      (0..<count).map {
        .tensor(slice(x.tensor, axis: axis, from: $0 * size, to: ($0 + 1) * size))
      })
  }

  fileprivate func taken(
    at place: Span, _ table: ArrayArgument, _ indices: ArrayArgument, _ axis: AxisArgument
  ) throws -> Tensor {
    guard table.rank > 0 else {
      throw fail(
        .rank(op: "take", expected: "a table with axes", found: table.tensor.type.spelling),
        at: place, operands: [table.operand])
    }
    let axis = try self.axis(axis, rank: table.rank, at: place)
    let positions = checked(
      indices.tensor, below: table.shape[axis], of: indices.operand.expression, axis: axis,
      in: (table.operand.expression, table.tensor))
    return gather(table.tensor, positions, axis: axis)
  }
}

extension Elaborator {
  fileprivate func size(_ operand: Operand, _ axis: AxesArgument) throws -> Int {
    if case .tree = operand.value {
      guard axis.operand == nil else { throw arrayNeeded(operand) }
      return try materialized(operand).tensors.map(\.type.elementCount).reduce(0, +)
    }
    let shape = try tensor(operand).shape
    return try axes(axis, rank: shape.count).map { shape[$0] }.reduce(1, *)
  }
}
