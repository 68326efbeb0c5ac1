// SPDX-License-Identifier: Apache-2.0
//
// Arrays with zeros around them, and concatenations: steps that fill the result window by window.
// `PlaceInWindows.swift` then does without those that copy what could be made in its window.

import Kernels
import TensorIR

extension RegionPlanner {
  /// Zeros around the operand, then the operand.
  mutating func pad(_ node: Node, low: [Int]) {
    let type = plan.types[node.result.index]
    let whole = View(dense: node.result, shape: type.shape)
    let shape = plan.types[node.operands[0].index].shape
    for window in whole.zeroWindows(around: low, shape, on: plan.machine) {
      appendStep(
        .copy(
          source: .constant(0), shape: window.shape, dtype: type.dtype, destination: window,
          provenance: node.provenance),
        writing: node.result)
    }
    appendStep(
      .copy(
        source: binding(node.operands[0]), shape: shape, dtype: type.dtype,
        destination: whole.sliced(starts: low, shape: shape), provenance: node.provenance),
      writing: node.result)
  }

  mutating func concatenate(_ node: Node, axis: Int) {
    let type = plan.types[node.result.index]
    let whole = View(dense: node.result, shape: type.shape)
    var starts = [Int](repeating: 0, count: type.rank)
    for operand in node.operands {
      let shape = plan.types[operand.index].shape
      appendStep(
        .copy(
          source: binding(operand), shape: shape, dtype: type.dtype,
          destination: whole.sliced(starts: starts, shape: shape), provenance: node.provenance),
        writing: node.result)
      starts[axis] += shape[axis]
    }
  }
}

extension View {
  /// Windows to be set to zero before an operand of the given shape is put at `low`: what is beside
  /// it along each axis, or everything if that would be many windows.
  fileprivate func zeroWindows(
    around low: [Int], _ inner: [Int], on machine: Machine
  ) -> [View] {
    var windows: [View] = []
    var (starts, extents) = ([Int](repeating: 0, count: shape.count), shape)
    func add(from start: Int, to end: Int, along axis: Int) {
      guard start < end else { return }
      var (windowStarts, windowShape) = (starts, extents)
      windowStarts[axis] = start
      windowShape[axis] = end - start
      windows.append(sliced(starts: windowStarts, shape: windowShape))
    }
    for axis in shape.indices {
      add(from: 0, to: low[axis], along: axis)
      add(from: low[axis] + inner[axis], to: shape[axis], along: axis)
      (starts[axis], extents[axis]) = (low[axis], inner[axis])
    }
    // Small arrays are filled in one call rather than around the operand in several.
    let isSmall = shape.reduce(1, *) <= machine.smallElements
    return windows.count <= (isSmall ? 1 : 2) ? windows : [self]
  }
}
