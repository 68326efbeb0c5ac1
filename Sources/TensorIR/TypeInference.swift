// SPDX-License-Identifier: Apache-2.0
//
// The result types of every op, and what it demands of its operands. This is the IR's type checker:
// the builder runs it on every node it makes, the verifier on every node of a finished graph. User
// mistakes are caught before, by Elaboration, with better words; a failure here is a compiler bug.

/// An ill-typed op: what was found and what was expected.
package struct TypeMismatch: Error, CustomStringConvertible {
  package var description: String
}

extension Op {
  /// The types of the results for operands of the given types.
  ///
  /// - Throws: `TypeMismatch` if the op cannot take such operands.
  package func resultTypes(_ operands: [TensorType]) throws -> [TensorType] {
    switch self {
    case .unary: return [try float(operands, count: 1)[0]]
    case .binary: return [try same(operands, count: 2)[0]]
    case .compare: return [try same(operands, count: 2)[0].with(.bool)]
    case .select:
      try expect(operands.count == 3 && operands[0].dtype == .bool, operands)
      try expect(operands[1] == operands[2] && operands[0].shape == operands[1].shape, operands)
      return [operands[1]]
    case .convert(let dtype):
      try expect(operands.count == 1, operands)
      return [operands[0].with(dtype)]
    case .stopGradient:
      try expect(operands.count == 1, operands)
      return operands
    case .threefry:
      let type = try same(operands, count: 4)[0]
      try expect(type.dtype == .i32, operands)
      return [type]
    case .constant(_, let type):
      try expect(operands.isEmpty, operands)
      return [type]
    case .iota(let axis, let shape):
      try expect(operands.isEmpty && shape.indices.contains(axis), operands)
      return [TensorType(shape, .i32)]
    case .broadcast(let shape, let axes):
      try expect(operands.count == 1 && axes.count == operands[0].rank, operands)
      try expect(zip(axes, axes.dropFirst()).allSatisfy(<), operands)
      try expect(axes.allSatisfy(shape.indices.contains), operands)
      try expect(axes.map { shape[$0] } == operands[0].shape, operands)
      return [TensorType(shape, operands[0].dtype)]
    case .reshape(let shape):
      try expect(operands.count == 1, operands)
      try expect(TensorType(shape, .f32).elementCount == operands[0].elementCount, operands)
      return [TensorType(shape, operands[0].dtype)]
    case .transpose(let permutation):
      try expect(operands.count == 1, operands)
      try expect(permutation.sorted() == Array(0..<operands[0].rank), operands)
      return [TensorType(permutation.map { operands[0].shape[$0] }, operands[0].dtype)]
    case .slice(let starts, let shape):
      try expect(operands.count == 1 && starts.count == operands[0].rank, operands)
      try expect(shape.count == starts.count, operands)
      for axis in starts.indices {
        try expect(starts[axis] >= 0 && shape[axis] >= 1, operands)
        try expect(starts[axis] <= operands[0].shape[axis] - shape[axis], operands)
      }
      return [TensorType(shape, operands[0].dtype)]
    case .pad(let low, let high):
      try expect(operands.count == 1 && low.count == operands[0].rank, operands)
      // Text may say any number; what no array can have is no padding either, and cannot overflow.
      try expect(high.count == low.count, operands)
      try expect((low + high).allSatisfy { 0...(1 << 43) ~= $0 }, operands)
      let shape = low.indices.map { low[$0] + operands[0].shape[$0] + high[$0] }
      return [TensorType(shape, operands[0].dtype)]
    case .windows(let windows):
      try expect(operands.count == 1 && isSound(windows), operands)
      try expect(operands[0].shape.indices.contains(windows.axis), operands)
      let extent = operands[0].shape[windows.axis]
      try expect(windows.range.lowerBound >= 0 && windows.range.upperBound < extent, operands)
      var shape = operands[0].shape
      shape.replaceSubrange(windows.axis...windows.axis, with: [windows.count, windows.size])
      return [TensorType(shape, operands[0].dtype)]
    case .sumWindows(let windows, let extent):
      try expect(operands.count == 1 && operands[0].dtype != .bool && extent >= 1, operands)
      let axis = windows.axis
      try expect(isSound(windows) && axis + 1 < operands[0].rank, operands)
      var shape = operands[0].shape
      try expect(Array(shape[axis...(axis + 1)]) == [windows.count, windows.size], operands)
      shape.replaceSubrange(axis...(axis + 1), with: [extent])
      return [TensorType(shape, operands[0].dtype)]
    case .concatenate(let axis): return [try concatenated(operands, axis: axis)]
    case .reduce(_, let axes):
      try expect(operands.count == 1 && zip(axes, axes.dropFirst()).allSatisfy(<), operands)
      try expect(axes.allSatisfy(operands[0].shape.indices.contains), operands)
      let kept = operands[0].shape.indices.filter { !axes.contains($0) }
      return [TensorType(kept.map { operands[0].shape[$0] }, operands[0].dtype)]
    case .cumulativeSum(let axis, _):
      try expect(operands.count == 1 && operands[0].dtype != .bool, operands)
      try expect(operands[0].shape.indices.contains(axis), operands)
      return operands
    case .contract(let labels): return [try contracted(operands, labels)]
    case .checkPositions(let bound):
      try expect(operands.count == 1 && operands[0].dtype == .i32 && bound.limit >= 1, operands)
      return operands
    case .gather:
      try expect(operands.count == 2 && operands[1].dtype == .i32, operands)
      try expect(operands[0].rank >= 1, operands)
      return [TensorType(operands[1].shape + operands[0].shape.dropFirst(), operands[0].dtype)]
    case .scatterAdd(let rows):
      try expect(operands.count == 2 && operands[0].dtype == .i32, operands)
      try expect(Array(operands[1].shape.prefix(operands[0].rank)) == operands[0].shape, operands)
      let row = Array(operands[1].shape.dropFirst(operands[0].rank))
      return [TensorType([rows] + row, operands[1].dtype)]
    case .structured(let op):
      guard let results = op.resultTypes(operands) else { throw mismatch(operands) }
      return results
    case .loop(let loop): return try loopResults(operands, loop)
    case .gradient(let gradient):
      try expect(operands == gradient.function.inputTypes, operands)
      try expect(gradient.wrt.allSatisfy { operands[$0].dtype.isFloat }, operands)
      let value = gradient.function.outputTypes
      try expect(value.count == 1 && value[0].isScalar && value[0].dtype.isFloat, operands)
      return value + gradient.wrt.map { operands[$0] }
    case .jvp(let jvp):
      let inputs = jvp.function.inputTypes
      let results = jvp.function.outputTypes
      try expect(operands == inputs + jvp.wrt.map { inputs[$0] }, operands)
      try expect((jvp.wrt.map { inputs[$0] } + results).allSatisfy(\.dtype.isFloat), operands)
      return results + results
    }
  }

  /// Whether windows read something, and numbers of any text cannot overflow.
  private func isSound(_ windows: AxisWindows) -> Bool {
    let sizes = [windows.count, windows.size]
    let steps = [windows.start, windows.stride, windows.dilation].map(\.magnitude)
    return windows.axis >= 0 && sizes.allSatisfy { 1...(1 << 30) ~= $0 }
      && steps.allSatisfy { $0 <= 1 << 30 } && windows.stride != 0 && windows.dilation != 0
  }

  private func concatenated(_ operands: [TensorType], axis: Int) throws -> TensorType {
    try expect(!operands.isEmpty && operands[0].shape.indices.contains(axis), operands)
    var result = operands[0]
    for operand in operands.dropFirst() {
      var expected = result
      try expect(operand.rank == result.rank, operands)
      expected.shape[axis] = operand.shape[axis]
      try expect(operand == expected, operands)
      result.shape[axis] += operand.shape[axis]
    }
    return result
  }

  private func contracted(
    _ operands: [TensorType], _ labels: ContractionLabels
  ) throws -> TensorType {
    try expect(operands.count == 2 && operands[0].dtype == operands[1].dtype, operands)
    try expect(operands[0].dtype.isFloat, operands)
    var extent: [Int: Int] = [:]
    for (list, type) in [(labels.lhs, operands[0]), (labels.rhs, operands[1])] {
      try expect(list.count == type.rank && Set(list).count == list.count, operands)
      for (label, size) in zip(list, type.shape) {
        try expect(extent[label] == nil || extent[label] == size, operands)
        extent[label] = size
      }
    }
    try expect(Set(labels.output).count == labels.output.count, operands)
    let shared = Set(labels.lhs).intersection(labels.rhs)
    for label in extent.keys {
      try expect(shared.contains(label) || labels.output.contains(label), operands)
    }
    var shape: [Int] = []
    for label in labels.output {
      guard let size = extent[label] else { throw mismatch(operands) }
      shape.append(size)
    }
    return TensorType(shape, operands[0].dtype)
  }

  private func loopResults(_ operands: [TensorType], _ loop: Loop) throws -> [TensorType] {
    let body = loop.body
    try expect(loop.tripCount >= 1 && body.inputs.count == operands.count + 1, operands)
    try expect(body.inputTypes[0] == .scalar(.i32), operands)
    if loop.isLimited {
      try expect(operands.last == .scalar(.i32) && loop.invariantCount > 0, operands)
      try expect(!loop.isReversed && loop.stackedOutputCount == 0, operands)
    }
    for (position, operand) in operands.enumerated() {
      var expected = body.inputTypes[position + 1]
      if loop.stackedInputRange.contains(position) {
        expected.shape.insert(loop.tripCount, at: 0)
      }
      try expect(operand == expected, operands)
    }
    let carries = body.outputTypes.prefix(loop.carryCount)
    try expect(Array(carries) == Array(operands.prefix(loop.carryCount)), operands)
    let stacked = body.outputTypes.dropFirst(loop.carryCount).map {
      TensorType([loop.tripCount] + $0.shape, $0.dtype)
    }
    return carries + stacked
  }

  private func float(_ operands: [TensorType], count: Int) throws -> [TensorType] {
    try expect(operands.count == count && operands.allSatisfy(\.dtype.isFloat), operands)
    return operands
  }

  private func same(_ operands: [TensorType], count: Int) throws -> [TensorType] {
    try expect(operands.count == count && operands.allSatisfy { $0 == operands[0] }, operands)
    return operands
  }

  private func expect(_ holds: Bool, _ operands: [TensorType]) throws {
    if !holds { throw mismatch(operands) }
  }

  private func mismatch(_ operands: [TensorType]) -> TypeMismatch {
    let types = operands.map(\.description).joined(separator: ", ")
    return TypeMismatch(description: "\(text) cannot take operands (\(types))")
  }
}
