// SPDX-License-Identifier: Apache-2.0
//
// Built-in functions that make, move, join and index arrays.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// A creation, movement or indexing function.
  func array(_ builtin: Builtin, _ call: BuiltinCall) throws -> Value {
    switch builtin {
    case .zeros: return .tensor(emitter.constant(0, try createdType(call)))
    case .ones: return .tensor(emitter.constant(1, try createdType(call)))
    case .full:
      let type = try createdType(call)
      return .tensor(emitter.broadcast(try floatTensor(call["value"]), to: type.shape))
    case .iota:
      let count = try integer(call["count"], "a count")
      try requirePositive(count, call["count"])
      return .tensor(emitter.add(.iota(axis: 0, shape: [count])))
    case .oneHot: return .tensor(try oneHot(call))
    case .checkLabels: return .tensor(try checkedLabels(call).labels)
    case .reshape: return .tensor(try reshape(call))
    case .transpose: return .tensor(try transpose(call))
    case .broadcast:
      let x = try tensor(call["x"])
      let target = try shape(call["shape"])
      guard commonShape(x.shape, target) == target else {
        throw fail(
          .broadcast(op: "broadcast", lhs: x.shape.spelling, rhs: target.spelling),
          at: call.callee.span, operands: [call["x"]])
      }
      return .tensor(emitter.broadcast(x, to: target))
    case .concatenate, .stack: return .tensor(try join(builtin, call))
    case .split: return try split(call)
    case .take: return .tensor(try take(call))
    case .expand:
      let x = try tensor(call["x"])
      var target = x.shape
      target.insert(1, at: try axis(call["axis"], rank: x.shape.count + 1))
      return .tensor(emitter.reshape(x, to: target))
    case .pad: return .tensor(try pad(call))
    case .size: return .integer(try size(call))
    default: preconditionFailure("compiler bug: \(builtin) is not an array function")
    }
  }

  /// The sizes in a list, each at least 1.
  private func shape(_ operand: Operand) throws -> [Int] {
    let sizes = try sizes(operand)
    for size in sizes { try requirePositive(size, operand) }
    return sizes
  }

  private func sizes(_ operand: Operand) throws -> [Int] {
    guard case .list(let parts) = operand.value else {
      throw fail(
        .kind(what: "a shape", expected: "a list such as [2, 3]", found: operand.value.kind),
        at: operand.expression.span)
    }
    return try parts.map {
      try integer(operand.part($0), "a size")
    }
  }

  private func requirePositive(_ size: Int, _ operand: Operand) throws {
    guard size < 1 else { return }
    throw fail(
      .kind(what: "a size", expected: "at least 1", found: String(size)),
      at: operand.expression.span)
  }

  private func createdType(_ call: BuiltinCall) throws -> TensorType {
    TensorType(try shape(call["shape"]), floatType)
  }

  /// `one_hot(labels, classes)`: 1 where the last axis' position equals the label, else 0.
  private func oneHot(_ call: BuiltinCall) throws -> Tensor {
    let (labels, classes) = try checkedLabels(call)
    let shape = labels.shape + [classes]
    let positions = emitter.add(.iota(axis: shape.count - 1, shape: shape))
    let axes = Array(labels.shape.indices)
    let repeated = emitter.add(.broadcast(shape: shape, axes: axes), labels)
    return emitter.convert(emitter.add(.compare(.equal), positions, repeated), to: floatType)
  }

  /// The labels of `check_labels(labels, classes)` and of `one_hot`, checked to be below the number of
  /// classes.
  private func checkedLabels(_ call: BuiltinCall) throws -> (labels: Tensor, classes: Int) {
    let classes = try integer(call["classes"], "the number of classes")
    try requirePositive(classes, call["classes"])
    let labels = checked(
      try indices(call["labels"]), below: classes, of: call["labels"].expression, "a label")
    return (labels, classes)
  }

  /// The operand as an array of whole numbers.
  private func indices(_ operand: Operand) throws -> Tensor {
    let result = try tensor(operand, dtype: .i32)
    guard result.dtype == .i32 else {
      throw fail(
        .kind(what: "an index", expected: "an i32 array", found: operand.value.kind),
        at: operand.expression.span, operands: [operand])
    }
    return result
  }

  private func reshape(_ call: BuiltinCall) throws -> Tensor {
    let x = try tensor(call["x"])
    var target = try sizes(call["shape"])
    let place = call["shape"].expression.span
    let open = target.indices.filter { target[$0] == -1 }
    guard open.count <= 1 else { throw fail(.ambiguousReshape, at: place) }
    if let axis = open.first {
      let known = Self.elementCount(of: target.filter { $0 != -1 }) ?? 0
      if known > 0, x.type.elementCount.isMultiple(of: known) {
        target[axis] = x.type.elementCount / known
      }
    }
    guard target.allSatisfy({ $0 >= 1 }), Self.elementCount(of: target) == x.type.elementCount
    else {
      throw fail(
        .reshape(from: x.shape.spelling, to: target.spelling), at: call.callee.span,
        operands: [call["x"]],
        help: "\(x.shape.spelling) has \(x.type.elementCount) elements")
    }
    return emitter.reshape(x, to: target)
  }

  /// Without axes the last two are exchanged, as in a matrix.
  private func transpose(_ call: BuiltinCall) throws -> Tensor {
    let x = try tensor(call["x"])
    let rank = x.shape.count
    guard let operand = call.operands["axes"] else {
      guard rank >= 2 else {
        throw fail(
          .rank(op: "transpose", expected: "at least two axes", found: x.type.spelling),
          at: call.callee.span, operands: [call["x"]])
      }
      return emitter.transpose(x, Array(0..<rank - 2) + [rank - 1, rank - 2])
    }
    let permutation = try sizes(operand).map { $0 < 0 ? $0 + rank : $0 }
    guard permutation.sorted() == Array(0..<rank) else {
      throw fail(
        .kind(
          what: "axes", expected: "each of the \(rank) axes of \(x.shape.spelling) once",
          found: operand.value.spelling), at: operand.expression.span)
    }
    return emitter.transpose(x, permutation)
  }

  /// `concatenate` along an axis there is, `stack` along a new one.
  private func join(_ builtin: Builtin, _ call: BuiltinCall) throws -> Tensor {
    let operand = call["parts"]
    let values: [Value]
    switch operand.value {
    case .list(let parts) where !parts.isEmpty, .tuple(let parts) where !parts.isEmpty:
      values = parts
    default:
      throw fail(
        .kind(what: "parts", expected: "a list of arrays", found: operand.value.kind),
        at: operand.expression.span)
    }
    var tensors = try values.map {
      try tensor(operand.part($0))
    }
    let rank = tensors[0].shape.count + (builtin == .stack ? 1 : 0)
    let joined = try axes(call.operands["axis"], rank: rank, absent: [0])
    guard joined.count == 1, rank > 0, let axis = joined.first else {
      throw fail(.axisOutOfRange(0, rank: rank), at: call.callee.span, operands: [operand])
    }
    if builtin == .stack {
      tensors = tensors.map { tensor in
        var shape = tensor.shape
        shape.insert(1, at: min(axis, shape.count))
        return emitter.reshape(tensor, to: shape)
      }
    }
    for tensor in tensors {
      var comparable = tensor.type
      if comparable.shape.count == rank { comparable.shape[axis] = tensors[0].shape[axis] }
      guard comparable == tensors[0].type else {
        throw fail(
          .broadcast(
            op: call.callee.text, lhs: tensors[0].type.spelling, rhs: tensor.type.spelling),
          at: call.callee.span, operands: [operand])
      }
    }
    return tensors.count == 1 ? tensors[0] : emitter.append(.concatenate(axis: axis), tensors)[0]
  }

  /// `split(x, 3, axis: -1)`: equal parts of an axis, as a tuple.
  private func split(_ call: BuiltinCall) throws -> Value {
    let x = try tensor(call["x"])
    let count = try integer(call["count"], "the number of parts")
    let axes = try axes(call.operands["axis"], rank: x.shape.count, absent: [x.shape.count - 1])
    guard let axis = axes.first, count >= 1, x.shape[axis].isMultiple(of: count) else {
      throw fail(
        .kind(
          what: "the number of parts", expected: "a divisor of the axis' size",
          found: "\(count) for \(x.shape.spelling)"), at: call["count"].expression.span,
        operands: [call["x"]])
    }
    let size = x.shape[axis] / count
    return .tuple(
      (0..<count).map { .tensor(slice(x, axis: axis, from: $0 * size, to: ($0 + 1) * size)) })
  }

  private func take(_ call: BuiltinCall) throws -> Tensor {
    let table = try tensor(call["table"])
    let indices = try indices(call["indices"])
    guard
      let axis = try axes(call.operands["axis"], rank: table.shape.count, absent: [0]).first,
      !table.shape.isEmpty
    else {
      throw fail(
        .rank(op: "take", expected: "a table with axes", found: table.type.spelling),
        at: call.callee.span, operands: [call["table"]])
    }
    return gather(
      table,
      checked(
        indices, below: table.shape[axis], of: call["indices"].expression, axis: axis,
        in: (call["table"].expression, table)), axis: axis)
  }

  /// `pad(x, low, high, axis: -1)`: zeros before and after the elements of one axis.
  private func pad(_ call: BuiltinCall) throws -> Tensor {
    let x = try floatTensor(call["x"])
    let low = try integer(call["low"], "low")
    let high = try integer(call["high"], "high")
    let axes = try axes(call.operands["axis"], rank: x.shape.count, absent: [x.shape.count - 1])
    guard let axis = axes.first, low >= 0, high >= 0 else {
      throw fail(
        .kind(what: "low and high", expected: "at least 0", found: "\(low) and \(high)"),
        at: call.callee.span)
    }
    var before = [Int](repeating: 0, count: x.shape.count)
    var after = before
    before[axis] = low
    after[axis] = high
    return low + high == 0 ? x : emitter.add(.pad(low: before, high: after), x)
  }

  /// The number of elements, or the size of one axis.
  private func size(_ call: BuiltinCall) throws -> Int {
    let x = try tensor(call["x"])
    guard let operand = call.operands["axis"] else { return x.type.elementCount }
    return x.shape[try axis(operand, rank: x.shape.count)]
  }
}
