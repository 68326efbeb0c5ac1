// SPDX-License-Identifier: Apache-2.0
//
// Arrays with zeros around them, and concatenations: steps that fill the result window by window.
// `PlaceInWindows.swift` then does without those that copy what could be made in its window.

import Kernels
import TensorIR

extension OperandBinding {
  /// Zeros around the operand, then the operand.
  func padding(_ source: Binding, low: [Int], _ node: Node) -> [ScheduleStep] {
    let whole = region.whole(node.result)
    let shape = region.type(of: node.operands[0]).shape
    let windows = whole.zeroWindows(around: low, shape, on: region.machine).map {
      (Binding.constant(0), $0)
    }
    return (windows + [(source, whole.sliced(starts: low, shape: shape))]).map {
      copy($0, to: $1, node)
    }
  }

  /// The operands, one beside the other along an axis.
  func concatenation(
    _ operands: [(value: ValueID, source: Binding)], axis: Int, _ node: Node
  ) -> [ScheduleStep] {
    let whole = region.whole(node.result)
    var starts = [Int](repeating: 0, count: whole.shape.count)
    return operands.map { operand in
      let shape = region.type(of: operand.value).shape
      defer { starts[axis] += shape[axis] }
      return copy(operand.source, to: whole.sliced(starts: starts, shape: shape), node)
    }
  }

  private func copy(_ source: Binding, to window: View, _ node: Node) -> ScheduleStep {
    .copy(
      ScheduledCopy(
        source: source, shape: window.shape, dtype: region.type(of: node.result).dtype,
        destination: window, provenance: node.provenance))
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
