// SPDX-License-Identifier: Apache-2.0
//
// Which axis of an array runs over examples, op by op. An array's *example axis* has `count` examples,
// one after another, each with the same number of elements: its extent is a multiple of the count. A
// batch `[8, 128, 64]` has axis 0, and still has it as `[1024, 64]`, with 128 elements an example.
//
// There are two questions. Forwards, of an op that reads such an array: does it compute each
// example of its result from that example alone, and what does it then need of its other operands?
// Backwards, of an array that depends on no example: can a part of it be made from parts of the operands
// alone (`broadcast`), or must it be cut from the whole?

import TensorIR

/// How an op treats the examples of its operands and results: for each the axis they are on, `nil`
/// where the array is the same for all examples.
struct ExampleFlow: Equatable {
  var operands: [Int?]
  var results: [Int?]
}

/// The rules for one number of examples.
struct ExampleAxes {
  /// The number of examples, at least 2.
  let count: Int

  // MARK: Forwards

  /// What an op makes of operands of which some have an example axis.
  ///
  /// - Parameter axes: that of each operand; not all `nil`.
  /// - Returns: `nil` if the op mixes examples, or may. Loops are walked by `ExampleWalk`.
  func flow(
    _ op: Op, _ axes: [Int?], _ shapes: [[Int]], results: [[Int]]
  ) -> ExampleFlow? {
    switch op {
    case .unary, .binary, .compare, .select, .convert, .stopGradient, .threefry, .checkPositions:
      return alike(axes)
    case .concatenate(let axis), .cumulativeSum(let axis, _):
      return alike(axes).flatMap { $0.results == [axis] ? nil : $0 }
    case .constant, .iota: return nil
    case .broadcast, .reshape, .transpose, .slice, .pad, .windows:
      return axes[0].flatMap { moved($0, by: op, from: shapes[0]) }.map {
        ExampleFlow(operands: axes, results: [$0])
      }
    case .reduce(_, let reduced):
      guard let axis = axes[0], !reduced.contains(axis) else { return nil }
      return ExampleFlow(operands: axes, results: [axis - reduced.count { $0 < axis }])
    case .sumWindows(let windows, _):
      guard let axis = axes[0], !(windows.axis...(windows.axis + 1)).contains(axis) else {
        return nil
      }
      return ExampleFlow(operands: axes, results: [axis < windows.axis ? axis : axis - 1])
    case .contract(let labels): return contraction(labels, axes)
    case .gather:
      let (table, indices) = (axes[0], axes[1])
      if let indices {
        return table == nil ? ExampleFlow(operands: axes, results: [indices]) : nil
      }
      guard let table, table > 0 else { return nil }
      return ExampleFlow(operands: axes, results: [table - 1 + shapes[1].count])
    case .scatterAdd:
      guard axes[0] == nil, let updates = axes[1], updates >= shapes[0].count else { return nil }
      return ExampleFlow(operands: axes, results: [updates - shapes[0].count + 1])
    case .structured(let structured):
      return self.structured(structured, axes, shapes, results: results)
    case .loop, .gradient, .jvp: return nil
    }
  }

  /// All operands and the result have the same axis.
  private func alike(_ axes: [Int?]) -> ExampleFlow? {
    let found = Set(axes.compactMap(\.self))
    guard found.count == 1, let axis = found.first else { return nil }
    return ExampleFlow(operands: axes.map { _ in axis }, results: [axis])
  }

  /// Where an axis is after a movement op of one operand; `nil` if examples do not stay whole.
  private func moved(_ axis: Int, by op: Op, from shape: [Int]) -> Int? {
    switch op {
    case .broadcast(_, let axes): axes[axis]
    case .reshape(let target): reshaped(axis, from: shape, to: target)
    case .transpose(let permutation): permutation.firstIndex(of: axis)
    case .slice(_, let target): target[axis] == shape[axis] ? axis : nil
    case .pad(let low, let high): low[axis] == 0 && high[axis] == 0 ? axis : nil
    case .windows(let windows):
      axis == windows.axis ? nil : axis < windows.axis ? axis : axis + 1
    default: nil  // `flow` and `parts` ask for no others.
    }
  }

  /// The axis that begins where the given one does: examples are runs of elements, whatever axes the
  /// elements of one have.
  private func reshaped(_ axis: Int, from shape: [Int], to target: [Int]) -> Int? {
    let before = shape[..<axis].reduce(1, *)
    var product = 1
    for (axis, extent) in target.enumerated() {
      if product == before, extent > 1 { return extent.isMultiple(of: count) ? axis : nil }
      product *= extent
    }
    return nil
  }

  /// A label of one operand or of both that the result has, too.
  private func contraction(_ labels: ContractionLabels, _ axes: [Int?]) -> ExampleFlow? {
    let found = Set([axes[0].map { labels.lhs[$0] }, axes[1].map { labels.rhs[$0] }])
      .compactMap(\.self)
    guard found.count == 1, let result = labels.output.firstIndex(of: found[0]) else { return nil }
    return ExampleFlow(
      operands: [labels.lhs.firstIndex(of: found[0]), labels.rhs.firstIndex(of: found[0])],
      results: [result])
  }

  /// Examples are on axis 0: sequences of attention, tokens of a loss. Weights, and terms that are the
  /// same for all sequences, are whole; whatever sums over examples for one of them mixes.
  private func structured(
    _ op: StructuredOp, _ axes: [Int?], _ shapes: [[Int]], results: [[Int]]
  ) -> ExampleFlow? {
    var wholes: Set<Int> = []
    switch op.function {
    case .attention:
      wholes = Set(shapes.indices.filter { shapes[$0][0] != shapes[0][0] })
      guard results.allSatisfy({ $0[0] == shapes[0][0] }) else { return nil }
    case .linearCrossEntropy:
      guard op.order == .value || op.order == .tangent,
        let operands = StructuredOperands(Array(axes.indices), of: op)
      else { return nil }
      wholes = [operands.given[1]]
      if op.order == .tangent { wholes.insert(operands.inputTangents[1]) }
    }
    let needed: [Int?] = axes.indices.map { wholes.contains($0) ? nil : 0 }
    guard zip(axes, needed).allSatisfy({ $0 == nil || $0 == $1 }) else { return nil }
    return ExampleFlow(operands: needed, results: results.map { _ in 0 })
  }

  // MARK: Backwards

  /// Which parts of the operands give the part of a result that some examples need, if it is
  /// cheap to make that part instead of cutting it from the whole.
  ///
  /// - Parameter axis: the example axis that the result is to have.
  /// - Returns: the axis of each operand, `nil` for whole ones.
  func parts(_ op: Op, _ axis: Int, _ shapes: [[Int]], result: [Int]) -> [Int?]? {
    switch op {
    case .unary, .binary, .compare, .select, .convert, .stopGradient, .threefry:
      return shapes.map { _ in axis }
    case .constant: return []
    case .iota(let along, _): return along == axis ? nil : []
    case .broadcast(_, let axes): return [axes.firstIndex(of: axis)]
    case .reshape: return reshaped(axis, from: result, to: shapes[0]).map { [$0] }
    case .transpose(let permutation): return [permutation[axis]]
    case .slice, .pad: return moved(axis, by: op, from: shapes[0]).map { [$0] }
    case .concatenate(let along): return along == axis ? nil : shapes.map { _ in axis }
    case .reduce(_, let axes):
      return [shapes[0].indices.filter { !axes.contains($0) }[axis]]
    case .windows, .sumWindows, .cumulativeSum, .contract, .checkPositions, .gather, .scatterAdd,
      .structured, .loop, .gradient, .jvp:
      return nil
    }
  }

  // MARK: Parts

  /// A shape with so many examples on an axis instead of all.
  func shape(_ shape: [Int], _ axis: Int, examples: Int) -> [Int] {
    var shape = shape
    shape[axis] = shape[axis] / count * examples
    return shape
  }

  /// The op that does for some examples what `op` does for all.
  ///
  /// - Parameter axis: the example axis of the result.
  func part(_ op: Op, _ axis: Int, examples: Int) -> Op {
    func cut(_ shape: [Int]) -> [Int] { self.shape(shape, axis, examples: examples) }
    switch op {
    case .constant(let value, let type):
      return .constant(value, TensorType(cut(type.shape), type.dtype))
    case .iota(let along, let shape): return .iota(axis: along, shape: cut(shape))
    case .broadcast(let shape, let axes): return .broadcast(shape: cut(shape), axes: axes)
    case .reshape(let shape): return .reshape(cut(shape))
    case .slice(let starts, let shape): return .slice(starts: starts, shape: cut(shape))
    case .unary, .binary, .compare, .select, .convert, .stopGradient, .threefry, .transpose, .pad,
      .windows, .concatenate, .reduce, .cumulativeSum, .sumWindows, .contract, .checkPositions,
      .gather, .scatterAdd, .structured, .loop, .gradient, .jvp:
      return op
    }
  }
}
