// SPDX-License-Identifier: Apache-2.0
//
// The one table from ops to derivative rules. The rules are in the other files of this folder, one
// file per family of the catalogue.

package import TensorIR

/// The derivative rule of an op.
package func derivativeRule(for op: Op) -> DerivativeRule {
  switch op {
  case .unary(let function): unaryRule(function)
  case .binary(let function): binaryRule(function)
  case .compare: .constant(reason: "a comparison is piecewise constant in both operands")
  case .select: selectRule
  case .convert(let dtype): convertRule(dtype)
  case .stopGradient: .constant(reason: "stop_gradient is a constant by definition")
  case .threefry: .constant(reason: "random bits are whole numbers")
  case .constant: .constant(reason: "a constant has no operands")
  case .iota: .constant(reason: "iota has no operands")
  case .broadcast(let shape, let axes): broadcastRule(shape: shape, axes: axes)
  case .reshape: reshapeRule
  case .transpose(let permutation): transposeRule(permutation)
  case .slice(let starts, let shape): sliceRule(starts: starts, shape: shape)
  case .pad(let low, _): padRule(low: low)
  case .windows(let windows): windowsRule(windows)
  case .sumWindows(let windows, let extent): windowSumsRule(windows, extent: extent)
  case .concatenate(let axis): concatenateRule(axis: axis)
  case .reduce(.sum, let axes): sumRule(axes: axes)
  case .reduce(.maximum, let axes): maximumRule(axes: axes)
  // What is summed up to an element is summed from it on going backwards.
  case .cumulativeSum(let axis, let isReversed):
    .linear { scope, adjoint, _ in
      scope.builder.add(.cumulativeSum(axis: axis, isReversed: !isReversed), adjoint)
    }
  case .contract(let labels): contractRule(labels)
  case .checkPositions: .constant(reason: "positions are whole numbers")
  case .gather: gatherRule
  case .scatterAdd: scatterAddRule
  case .structured(let op): structuredOpRule(op)
  case .loop(let loop): loopRule(loop)
  case .gradient(let gradient): gradientRule(gradient)
  case .jvp(let jvp): jvpRule(jvp)
  }
}
