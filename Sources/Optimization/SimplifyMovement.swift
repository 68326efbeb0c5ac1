// SPDX-License-Identifier: Apache-2.0
//
// Movement and indexing rules of `SimplifyAlgebra`. Canonical forms: chains of one kind of movement
// are one; a broadcast has no axes of size 1 in its source; what moves nothing in memory is a
// reshape; a broadcast comes after transposes, slices and reshapes of its source.

import TensorIR

extension Simplifier {
  func simplerMovement(_ op: Op, _ operands: [ValueID]) -> ValueID? {
    if let constant = movedConstant(op, operands) { return constant }
    let x = operands[0]
    switch op {
    case .broadcast(let shape, let axes): return simplerBroadcast(x, to: shape, axes: axes)
    case .reshape(let shape): return simplerReshape(x, shape)
    case .transpose(let permutation): return simplerTranspose(x, permutation)
    case .slice(let starts, let shape): return simplerSlice(x, starts, shape)
    case .pad(let low, let high): return simplerPad(x, low, high)
    case .windows(let windows): return simplerWindows(x, windows)
    case .concatenate(let axis): return simplerConcatenation(operands, axis)
    default: return nil  // Not a movement.
    }
  }

  /// Rows of a constant table are constant; adding zeros to rows gives zeros.
  func simplerIndexing(_ op: Op, _ operands: [ValueID]) -> ValueID? {
    guard let type = try? op.resultTypes(operands.map(type(of:))).first else { return nil }
    switch op {
    case .gather: return constant(operands[0]).map { makeConstant($0, type) }
    case .scatterAdd: return constant(operands[1]) == 0 ? makeConstant(0, type) : nil
    default: return nil  // Not an indexing op.
    }
  }

  /// Moved constants are constants; padding with zeros must find a zero.
  private func movedConstant(_ op: Op, _ operands: [ValueID]) -> ValueID? {
    let numbers = operands.compactMap(constant)
    guard numbers.count == operands.count, Set(numbers.map(\.bitPattern)).count == 1,
      let type = try? op.resultTypes(operands.map(type(of:))).first
    else { return nil }
    if case .pad = op, numbers[0] != 0 { return nil }
    return makeConstant(numbers[0], type)
  }

  // MARK: Broadcast, reshape, transpose

  private func simplerBroadcast(_ x: ValueID, to shape: [Int], axes: [Int]) -> ValueID? {
    let source = self.shape(of: x)
    if type(of: x).elementCount == shape.reduce(1, *) { return makeReshape(x, shape) }
    if let node = definition(of: x), case .broadcast(_, let innerAxes) = node.op {
      return makeBroadcast(node.operands[0], to: shape, axes: innerAxes.map { axes[$0] })
    }
    let isUnit = source.map { $0 == 1 }
    guard isUnit.contains(true) else { return nil }
    let kept = source.indices.filter { !isUnit[$0] }
    let squeezed = makeReshape(x, kept.map { source[$0] })
    return makeBroadcast(squeezed, to: shape, axes: kept.map { axes[$0] })
  }

  private func simplerReshape(_ x: ValueID, _ shape: [Int]) -> ValueID? {
    if self.shape(of: x) == shape { return x }
    guard let node = definition(of: x) else { return nil }
    switch node.op {
    case .reshape: return makeReshape(node.operands[0], shape)
    case .broadcast(_, axes: []): return makeBroadcast(node.operands[0], to: shape, axes: [])
    default: return nil  // Reshapes do not commute with the rest.
    }
  }

  private func simplerTranspose(_ x: ValueID, _ permutation: [Int]) -> ValueID? {
    let source = shape(of: x)
    let result = permutation.map { source[$0] }
    let moving = permutation.filter { source[$0] > 1 }
    if zip(moving, moving.dropFirst()).allSatisfy(<) { return makeReshape(x, result) }
    guard let node = definition(of: x) else { return nil }
    switch node.op {
    case .transpose(let inner):
      return make(.transpose(permutation.map { inner[$0] }), node.operands[0])
    case .broadcast(_, let axes):
      // Axis j of the source stands at axes[j], which comes to lie where permutation names it.
      let order = permutation.compactMap(axes.firstIndex(of:))
      let places = permutation.indices.filter { axes.contains(permutation[$0]) }
      return makeBroadcast(make(.transpose(order), node.operands[0]), to: result, axes: places)
    case .contract(var labels) where rewriter.isReadOnce(x):
      labels.output = permutation.map { labels.output[$0] }
      return make(.contract(labels), node.operands)
    default: return nil  // Elementwise ops stay before the transpose.
    }
  }

  // MARK: Slice, pad, concatenate

  private func simplerSlice(_ x: ValueID, _ starts: [Int], _ shape: [Int]) -> ValueID? {
    if self.shape(of: x) == shape { return x }
    guard let node = definition(of: x) else { return nil }
    switch node.op {
    case .slice(let inner, _):
      return make(.slice(starts: zip(starts, inner).map(+), shape: shape), node.operands[0])
    case .broadcast(_, let axes):
      let smaller = Op.slice(starts: axes.map { starts[$0] }, shape: axes.map { shape[$0] })
      return makeBroadcast(make(smaller, node.operands[0]), to: shape, axes: axes)
    case .pad(let low, _): return slicedPadding(node.operands[0], low, starts, shape)
    case .concatenate(let axis): return slicedPart(node.operands, axis, starts, shape)
    case .sumWindows(let windows, _) where rewriter.isReadOnce(x):
      return slicedSums(node.operands[0], windows, starts, shape)
    default: return nil  // Whole arrays are computed once, slices read them.
    }
  }

  /// A slice that lies wholly inside the padded array, or wholly in the zeros around it.
  private func slicedPadding(
    _ x: ValueID, _ low: [Int], _ starts: [Int], _ shape: [Int]
  ) -> ValueID? {
    let inner = self.shape(of: x)
    let shifted = zip(starts, low).map(-)
    let ends = zip(shifted, shape).map(+)
    if zip(ends, inner).allSatisfy(<=) && shifted.allSatisfy({ $0 >= 0 }) {
      return make(.slice(starts: shifted, shape: shape), x)
    }
    let isOutside = inner.indices.contains { shifted[$0] >= inner[$0] || ends[$0] <= 0 }
    return isOutside ? makeConstant(0, TensorType(shape, type(of: x).dtype)) : nil
  }

  /// A slice that lies in one part of a concatenation.
  private func slicedPart(
    _ parts: [ValueID], _ axis: Int, _ starts: [Int], _ shape: [Int]
  ) -> ValueID? {
    var starts = starts
    for part in parts {
      let extent = self.shape(of: part)[axis]
      if starts[axis] < extent {
        guard starts[axis] + shape[axis] <= extent else { return nil }
        return make(.slice(starts: starts, shape: shape), part)
      }
      starts[axis] -= extent
    }
    return nil
  }

  /// Sums that are sliced away are not made.
  private func slicedSums(
    _ x: ValueID, _ windows: AxisWindows, _ starts: [Int], _ shape: [Int]
  ) -> ValueID {
    let axis = windows.axis
    var moved = windows
    moved.start -= starts[axis]
    let others = starts[..<axis] + [0, 0] + starts[(axis + 1)...]
    let sizes = shape[..<axis] + [windows.count, windows.size] + shape[(axis + 1)...]
    let smaller = make(.slice(starts: Array(others), shape: Array(sizes)), x)
    return make(.sumWindows(moved, extent: shape[axis]), smaller)
  }

  /// One window, or windows of one element, are a slice.
  private func simplerWindows(_ x: ValueID, _ windows: AxisWindows) -> ValueID? {
    let isAlone = windows.count == 1 && windows.dilation == 1
    guard isAlone || windows.size == 1 && windows.stride == 1 else { return nil }
    var starts = self.shape(of: x).map { _ in 0 }
    var shape = self.shape(of: x)
    starts[windows.axis] = windows.start
    shape[windows.axis] = windows.count * windows.size
    let part = make(.slice(starts: starts, shape: shape), x)
    shape.replaceSubrange(
      windows.axis...windows.axis, with: [windows.count, windows.size])
    return makeReshape(part, shape)
  }

  private func simplerPad(_ x: ValueID, _ low: [Int], _ high: [Int]) -> ValueID? {
    if (low + high).allSatisfy({ $0 == 0 }) { return x }
    guard let node = definition(of: x), case .pad(let innerLow, let innerHigh) = node.op else {
      return nil
    }
    let op = Op.pad(low: zip(low, innerLow).map(+), high: zip(high, innerHigh).map(+))
    return make(op, node.operands[0])
  }

  private func simplerConcatenation(_ parts: [ValueID], _ axis: Int) -> ValueID? {
    if parts.count == 1 { return parts[0] }
    let flat = parts.flatMap { part -> [ValueID] in
      guard rewriter.isReadOnce(part) else { return [part] }
      return operands(of: part, ifResultOf: .concatenate(axis: axis)) ?? [part]
    }
    return flat.count > parts.count ? make(.concatenate(axis: axis), flat) : nil
  }
}
