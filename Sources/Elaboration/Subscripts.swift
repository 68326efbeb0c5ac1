// SPDX-License-Identifier: Apache-2.0
//
// `x[...]`: positions, ranges and `...` on arrays; positions on tuples, lists and stacked groups.
// Positions and range ends that are known may be negative, counting from the end. A position may also
// be an i32 array: see `IndexArrays.swift`; and the start of a range may be computed: `MovingRanges.swift`.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// The value of `base[subscripts]`.
  func subscripted(_ base: Operand, _ subscripts: [Subscript]) throws -> Value {
    switch base.value {
    case .tuple(let parts), .list(let parts):
      guard subscripts.count == 1, case .position(let position) = subscripts[0] else { break }
      let index = try integer(position, "a position")
      return parts[try resolve(index, size: parts.count, at: position.span)]
    case .tree(let tree):
      guard tree.stack != nil, subscripts.count == 1 else { break }
      return try layers(base, subscripts)
    case .tensor(let tensor): return .tensor(try subscripted(tensor, base, subscripts))
    default: break
    }
    throw fail(
      .kind(what: "the left of '['", expected: "an array", found: base.value.kind),
      at: base.expression.span)
  }

  /// One layer of a stacked group, or a range of layers, which is stacked again.
  private func layers(_ base: Operand, _ subscripts: [Subscript]) throws -> Value {
    let before = base.value.tensors.first?.shape.count
    let layers = try mapLeaves(base) { try subscripted($0, subscripts) }
    guard case .tree(var tree) = layers, let first = layers.tensors.first else { return layers }
    tree =
      first.shape.count == before
      ? tree.mapStacks { [first.shape[0]] + $0.dropFirst() } : tree.layer
    return .tree(tree)
  }

  private func subscripted(
    _ tensor: Tensor, _ base: Operand, _ subscripts: [Subscript]
  ) throws -> Tensor {
    try requireRank(of: subscripts, base, tensor.shape.count)
    var selection = AxisSelection()
    var result = tensor
    for entry in subscripts {
      let axis = selection.axisCount
      switch entry {
      case .position(let position):
        let operand = try evaluated(position)
        if let indices = try indexArray(operand, size: result.shape[axis]) {
          let positions = checked(
            indices, below: result.shape[axis], of: position, axis: selection.sourceAxis,
            in: (base.expression, tensor))
          if positions.shape.isEmpty {
            result = gather(result, positions, axis: axis)
            selection.addPosition()
          } else {
            selection.add(positions)
          }
        } else {
          let index = try integer(operand, "a position")
          let start = try resolve(index, size: result.shape[axis], at: position.span)
          result = slice(result, axis: axis, from: start, to: start + 1)
          var shape = result.shape
          shape.remove(at: axis)
          result = emitter.reshape(result, to: shape)
          selection.addPosition()
        }
      case .range(let from, let to, let by, let span):
        if let from, let positions = try movingRange(from, to, by, span) {
          let source = Expression(.range(from: from, to: to ?? from, by: by), at: span)
          let rows = checked(
            positions, below: result.shape[axis], of: source, axis: selection.sourceAxis,
            in: (base.expression, tensor))
          result = gather(result, rows, axis: axis)
        } else {
          result = try range(result, axis: axis, from, to, by, span)
        }
        selection.addKept(1)
      case .ellipsis:
        selection.addKept(tensor.shape.count - (subscripts.count - 1))
      }
    }
    return try gather(result, selection, at: base.expression.span)
  }

  /// `...` stands for the axes that are left over, and missing entries at the end are whole axes.
  func requireRank(of subscripts: [Subscript], _ base: Operand, _ rank: Int) throws {
    let ellipses = subscripts.filter(\.isEllipsis).count
    guard subscripts.count - ellipses <= rank, ellipses <= 1 else {
      throw fail(
        .subscripts(count: subscripts.count, shape: base.value.spelling),
        at: base.expression.span, operands: [base])
    }
  }

  /// A position counted from the start, checked against the axis.
  func resolve(_ index: Int, size: Int, at span: Span) throws -> Int {
    let position = index < 0 ? index + size : index
    guard position >= 0, position < size else {
      throw fail(.positionOutOfRange(index, size: size), at: span)
    }
    return position
  }

  private func range(
    _ x: Tensor, axis: Int, _ from: Expression?, _ to: Expression?, _ by: Expression?, _ span: Span
  ) throws -> Tensor {
    let step = try by.map { try integer($0, "the step of a range") } ?? 1
    if step < 0 { return try backwards(x, axis: axis, from, to, step: step, span) }
    let (start, end, _) = try rangeEnds(from, to, by, span, size: x.shape[axis])
    let part = slice(x, axis: axis, from: start, to: end)
    guard step == 1 else { return everyNth(part, axis: axis, step: step) }
    // The axis is the part now, even where that is all of it.
    var result = part
    result.forms = part.shape.indices.map {
      $0 == axis ? partForm(from, to, of: x.form(axis)) : part.form($0)
    }
    return result
  }

  /// `from : to : step` with a step below 0: from the first position, the axis' last unless given, down to
  /// the one after the second.
  private func backwards(
    _ x: Tensor, axis: Int, _ from: Expression?, _ to: Expression?, step: Int, _ span: Span
  ) throws -> Tensor {
    let size = x.shape[axis]
    let first =
      try from.map {
        try resolve(integer($0, "the end of a range"), size: size, at: $0.span)
      } ?? size - 1
    let stop =
      try to.map {
        try resolve(integer($0, "the end of a range"), size: size, at: $0.span)
      } ?? -1
    guard first > stop else { throw fail(.rangeEmpty(from: first, to: stop), at: span) }
    return strided(x, axis: axis, from: first, by: step, count: (first - stop - step - 1) / -step)
  }

  /// The size of `from : to` in an axis of a size, as far as it is known beside its value.
  private func partForm(_ from: Expression?, _ to: Expression?, of whole: SizeForm?) -> SizeForm? {
    // Ends below 0 count from the end.
    func end(_ expression: Expression?, absent: SizeForm?) -> SizeForm? {
      guard let expression else { return absent }
      guard let form = sizeForm(expression), case .integer(let value)? = try? evaluate(expression)
      else { return nil }
      return value >= 0 ? form : whole.map { $0 + form }
    }
    guard let start = end(from, absent: SizeForm(0)), let stop = end(to, absent: whole) else {
      return nil
    }
    return (stop - start).limited
  }

  /// The size of a range, as far as it is known beside its value.
  func rangeForm(_ from: Expression, _ to: Expression) -> SizeForm? {
    guard let start = sizeForm(from), let end = sizeForm(to) else { return nil }
    return (end - start).limited
  }

  /// A range of an axis that is known; its step reaches no further than its end.
  func rangeEnds(
    _ from: Expression?, _ to: Expression?, _ by: Expression?, _ span: Span, size: Int
  ) throws -> (start: Int, end: Int, step: Int) {
    let start = try rangeEnd(from, size: size, absent: 0)
    let end = try rangeEnd(to, size: size, absent: size)
    guard start < end else { throw fail(.rangeEmpty(from: start, to: end), at: span) }
    let step = try by.map { try integer($0, "the step of a range") } ?? 1
    try requireForwards(step, at: span)
    return (start, end, min(step, end - start))
  }

  /// A step of 0 goes nowhere, and what is assigned goes forwards.
  func requireForwards(_ step: Int, at span: Span) throws {
    guard step >= 1 else {
      throw fail(
        .kind(what: "the step of this range", expected: "at least 1", found: String(step)),
        at: span, help: step < 0 ? "flip(...) turns the value round" : nil)
    }
  }

  /// What a position or an index array chooses of an axis, checked.
  func positions(
    _ position: Expression, of x: Tensor, axis: Int, _ base: Operand
  ) throws -> Tensor {
    let operand = try evaluated(position)
    if let indices = try indexArray(operand, size: x.shape[axis]) {
      return checked(
        indices, below: x.shape[axis], of: position, axis: axis, in: (base.expression, x))
    }
    let index = try resolve(
      integer(operand, "a position"), size: x.shape[axis], at: position.span)
    return emitter.constant(Double(index), .scalar(.i32))
  }

  private func rangeEnd(_ expression: Expression?, size: Int, absent: Int) throws -> Int {
    guard let expression else { return absent }
    let value = try integer(expression, "the end of a range")
    let end = value < 0 ? value + size : value
    guard end >= 0, end <= size else {
      throw fail(.positionOutOfRange(value, size: size), at: expression.span)
    }
    return end
  }

  /// Positions 0, step, 2 step, ... of an axis.
  func everyNth(_ x: Tensor, axis: Int, step: Int) -> Tensor {
    strided(x, axis: axis, from: 0, by: step, count: (x.shape[axis] + step - 1) / step)
  }

  /// So many positions of an axis from one on, at a distance that may be below 0: a view.
  func strided(_ x: Tensor, axis: Int, from start: Int, by step: Int, count: Int) -> Tensor {
    let windows = AxisWindows(axis: axis, start: start, count: count, size: 1, stride: step)
    var shape = x.shape
    shape[axis] = count
    return emitter.reshape(emitter.add(.windows(windows), x), to: shape)
  }

  /// The part of an axis from one position up to another.
  func slice(_ x: Tensor, axis: Int, from start: Int, to end: Int) -> Tensor {
    guard start > 0 || end < x.shape[axis] else { return x }
    var starts = [Int](repeating: 0, count: x.shape.count)
    starts[axis] = start
    var shape = x.shape
    shape[axis] = end - start
    return emitter.add(.slice(starts: starts, shape: shape), x)
  }
}

extension Subscript {
  fileprivate var isEllipsis: Bool { if case .ellipsis = self { true } else { false } }
}
