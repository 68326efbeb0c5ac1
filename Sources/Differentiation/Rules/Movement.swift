// SPDX-License-Identifier: Apache-2.0
//
// Rules of the movement ops. They are all linear, so only the transpose is written: it moves every
// element of the adjoint back, and adds up where an element was copied to several places.

import TensorIR

/// `x_adj`: the sum over the axes that the broadcast made.
func broadcastRule(shape: [Int], axes: [Int]) -> DerivativeRule {
  .linear { scope, adjoint, _ in
    scope.builder.sum(adjoint, axes: shape.indices.filter { !axes.contains($0) })
  }
}

/// `x_adj`: reshaped back.
var reshapeRule: DerivativeRule {
  .linear { scope, adjoint, _ in
    scope.builder.reshape(adjoint, to: scope.builder.shape(of: scope.operands[0]))
  }
}

/// `x_adj`: transposed by the inverse permutation.
func transposeRule(_ permutation: [Int]) -> DerivativeRule {
  .linear { scope, adjoint, _ in
    var inverse = permutation
    for (result, operand) in permutation.enumerated() { inverse[operand] = result }
    return scope.builder.transpose(adjoint, inverse)
  }
}

/// `x_adj`: padded with zeros to the operand's shape.
func sliceRule(starts: [Int], shape: [Int]) -> DerivativeRule {
  .linear { scope, adjoint, _ in
    let whole = scope.builder.shape(of: scope.operands[0])
    let high = whole.indices.map { whole[$0] - starts[$0] - shape[$0] }
    return scope.builder.pad(adjoint, low: starts, high: high)
  }
}

/// `x_adj`: the slice that the operand was put in.
func padRule(low: [Int]) -> DerivativeRule {
  .linear { scope, adjoint, _ in
    let shape = scope.builder.shape(of: scope.operands[0])
    return scope.builder.slice(adjoint, starts: low, shape: shape)
  }
}

/// The adjoint of each part: the slice that the part was put in.
func concatenateRule(axis: Int) -> DerivativeRule {
  .linear { scope, adjoint, operand in
    let shape = scope.builder.shape(of: scope.operands[operand])
    var starts = [Int](repeating: 0, count: shape.count)
    for part in scope.operands[..<operand] { starts[axis] += scope.builder.shape(of: part)[axis] }
    return scope.builder.slice(adjoint, starts: starts, shape: shape)
  }
}

/// `x_adj`: the elements of all windows added up where they were read.
func windowsRule(_ windows: AxisWindows) -> DerivativeRule {
  .linear { scope, adjoint, _ in
    let extent = scope.builder.shape(of: scope.operands[0])[windows.axis]
    return scope.builder.add(.sumWindows(windows, extent: extent), adjoint)
  }
}

/// `x_adj`: the windows of the sums; zeros where elements were dropped.
func windowSumsRule(_ windows: AxisWindows, extent: Int) -> DerivativeRule {
  .linear { scope, adjoint, _ in
    var low = scope.builder.shape(of: adjoint).map { _ in 0 }
    var high = low
    low[windows.axis] = max(0, -windows.range.lowerBound)
    high[windows.axis] = max(0, windows.range.upperBound - extent + 1)
    var moved = windows
    moved.start += low[windows.axis]
    return scope.builder.add(.windows(moved), scope.builder.pad(adjoint, low: low, high: high))
  }
}
