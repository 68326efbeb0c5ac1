// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong when a well-formed graph is evaluated: wrong inputs, an index outside its
// table, or a `gradient` op where nobody said how to expand it. All else is a compiler bug.

package import TensorIR

/// A failure of an evaluation, in words for the user.
package enum EvaluationError: Error, Hashable, CustomStringConvertible {
  /// The graph has another number of inputs.
  case inputCount(expected: Int, found: Int)
  /// An input has another shape or element type.
  case inputType(name: String, expected: TensorType, found: TensorType)
  /// An element of an index array, or of the row indices of `gather` or `scatterAdd`, is not in
  /// `0..<bound.limit`; `place` is where it stands in the array.
  case positionOutOfRange(
    bound: PositionBound, place: [Int], value: Int, provenance: Provenance)
  /// A `gradient` op in an evaluator that was made without `expandGradient`.
  case gradientNotExpanded(provenance: Provenance)
  /// A `jvp` op, which is to be expanded before (`Differentiator.expandGradients`).
  case jvpNotExpanded(provenance: Provenance)

  package var description: String {
    switch self {
    case .inputCount(let expected, let found):
      "the graph has \(expected) inputs, got \(found)"
    case .inputType(let name, let expected, let found):
      "input '\(name)' is \(expected), got \(found)"
    case .positionOutOfRange(let bound, let place, let value, let provenance):
      (provenance.location.isEmpty ? "" : "\(provenance.location): ")
        + bound.fault(value: value, at: place)
    case .gradientNotExpanded(let provenance):
      "a gradient op needs an evaluator made with 'expandGradient', at \(provenance)"
    case .jvpNotExpanded(let provenance):
      "a jvp op is to be expanded before it is evaluated, at \(provenance)"
    }
  }
}
