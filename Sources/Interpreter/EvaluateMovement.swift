// SPDX-License-Identifier: Apache-2.0
//
// The meaning of the movement ops and of row indexing. A movement is a walk over the larger of its
// two arrays with strides of the other; see `stridedOffsets`.

import TensorIR

extension Evaluator {
  /// Operand axis `i` becomes result axis `axes[i]`; the walk stands still along the others.
  func broadcast(_ x: NumericArray, to shape: [Int], axes: [Int]) -> NumericArray {
    var strides = [Int](repeating: 0, count: shape.count)
    for (axis, stride) in zip(axes, x.shape.denseStrides) { strides[axis] = stride }
    let offsets = stridedOffsets(shape: shape, strides: strides)
    return x.picking(offsets, as: TensorType(shape, x.type.dtype))
  }

  /// Result axis `i` is operand axis `permutation[i]`.
  func transpose(_ x: NumericArray, _ permutation: [Int]) -> NumericArray {
    let shape = permutation.map { x.shape[$0] }
    let strides = x.shape.denseStrides
    let offsets = stridedOffsets(shape: shape, strides: permutation.map { strides[$0] })
    return x.picking(offsets, as: TensorType(shape, x.type.dtype))
  }

  func slice(_ x: NumericArray, starts: [Int], shape: [Int]) -> NumericArray {
    let offsets = offsetsOfBlock(in: x.shape, starts: starts, shape: shape)
    return x.picking(offsets, as: TensorType(shape, x.type.dtype))
  }

  func pad(_ x: NumericArray, low: [Int], high: [Int]) -> NumericArray {
    let shape = x.shape.indices.map { low[$0] + x.shape[$0] + high[$0] }
    var result = NumericArray(TensorType(shape, x.type.dtype), repeating: 0)
    place(x, in: &result, at: low)
    return result
  }

  /// One axis becomes two, windows and their elements.
  func windows(_ x: NumericArray, _ windows: AxisWindows) -> NumericArray {
    let axis = windows.axis
    var (shape, strides) = (x.shape, x.shape.denseStrides)
    let stride = strides[axis]
    shape.replaceSubrange(axis...axis, with: [windows.count, windows.size])
    strides.replaceSubrange(
      axis...axis, with: [windows.stride * stride, windows.dilation * stride])
    let offsets = stridedOffsets(shape: shape, strides: strides, start: windows.start * stride)
    return x.picking(offsets, as: TensorType(shape, x.type.dtype))
  }

  /// Windows and their elements become one axis, where they are added up in their order.
  func sumWindows(_ x: NumericArray, _ windows: AxisWindows, extent: Int) -> NumericArray {
    let axis = windows.axis
    var shape = x.shape
    shape.replaceSubrange(axis...(axis + 1), with: [extent])
    var result = NumericArray(TensorType(shape, x.type.dtype), repeating: 0)
    let precision = precision.appropriate(for: x.type.dtype)
    let isWhole = x.type.dtype == .i32
    let inner = shape[(axis + 1)...].reduce(1, *)
    let outer = shape[..<axis].reduce(1, *)
    for (place, element) in x.elements.enumerated() {
      let (within, row) = (place % inner, place / inner)
      let (t, p) = (row % windows.size, row / windows.size % windows.count)
      let position = windows.start + p * windows.stride + t * windows.dilation
      guard 0..<extent ~= position else { continue }
      let block = row / (windows.size * windows.count)
      precondition(block < outer, "compiler bug: windows beyond their array")
      let target = (block * extent + position) * inner + within
      let sum = result.elements[target]
      result.elements[target] =
        isWhole ? BinaryFunction.add.wrapping(sum, element) : precision.rounded(sum + element)
    }
    return result
  }

  func concatenate(_ parts: [NumericArray], axis: Int) -> NumericArray {
    var shape = parts[0].shape
    shape[axis] = parts.map { $0.shape[axis] }.reduce(0, +)
    var result = NumericArray(TensorType(shape, parts[0].type.dtype), repeating: 0)
    var starts = [Int](repeating: 0, count: shape.count)
    for part in parts {
      place(part, in: &result, at: starts)
      starts[axis] += part.shape[axis]
    }
    return result
  }

  /// Overwrites the block of `result` that begins at `starts` with `block`.
  private func place(_ block: NumericArray, in result: inout NumericArray, at starts: [Int]) {
    let offsets = offsetsOfBlock(in: result.shape, starts: starts, shape: block.shape)
    for (offset, element) in zip(offsets, block.elements) { result.elements[offset] = element }
  }

  private func offsetsOfBlock(in whole: [Int], starts: [Int], shape: [Int]) -> [Int] {
    let strides = whole.denseStrides
    let start = zip(starts, strides).map(*).reduce(0, +)
    return stridedOffsets(shape: shape, strides: strides, start: start)
  }

  // MARK: Rows

  /// `table: [rows, d...], indices: [i...] -> [i..., d...]`.
  func gather(
    _ table: NumericArray, _ indices: NumericArray, _ provenance: Provenance
  ) throws -> NumericArray {
    let row = Array(table.shape.dropFirst())
    let size = row.reduce(1, *)
    var elements: [Double] = []
    elements.reserveCapacity(indices.elements.count * size)
    for index in try positions(indices, .rows(table.shape[0]), provenance) {
      elements.append(contentsOf: table.elements[(index * size)..<((index + 1) * size)])
    }
    return NumericArray(TensorType(indices.shape + row, table.type.dtype), elements)
  }

  /// `indices: [i...], updates: [i..., d...] -> [rows, d...]`, added in index order.
  func scatterAdd(
    _ indices: NumericArray, _ updates: NumericArray, rows: Int, _ provenance: Provenance
  ) throws -> NumericArray {
    let row = Array(updates.shape.dropFirst(indices.shape.count))
    let size = row.reduce(1, *)
    let precision = precision.appropriate(for: updates.type.dtype)
    var result = NumericArray(TensorType([rows] + row, updates.type.dtype), repeating: 0)
    for (position, index) in try positions(indices, .rows(rows), provenance).enumerated() {
      for offset in 0..<size {
        let update = updates.elements[position * size + offset]
        let sum = result.elements[index * size + offset] + update
        result.elements[index * size + offset] = precision.computed(sum)
      }
    }
    return result
  }

  /// The elements of an index array, all of them positions.
  func positions(
    _ indices: NumericArray, _ bound: PositionBound, _ provenance: Provenance
  ) throws -> [Int] {
    try indices.elements.enumerated().map { offset, number in
      let index = Int(number)
      guard (0..<bound.limit).contains(index) else {
        let place = zip(indices.shape.denseStrides, indices.shape).map { offset / $0 % $1 }
        throw EvaluationError.positionOutOfRange(
          bound: bound, place: place, value: index, provenance: provenance)
      }
      return index
    }
  }
}
