// SPDX-License-Identifier: Apache-2.0
//
// Sums of padded arrays in `SimplifyAlgebra`. The adjoint of reading an array in pieces is a sum of
// the pieces' adjoints, each with zeros around it; pieces that lie side by side are a concatenation.
//
//     %2 = pad{low [0] high [3]} %0 : f32[8]
//     %3 = pad{low [5] high [0]} %1 : f32[8]
//     %4 = add %2, %3 : f32[8]
//   ->
//     %2 = concatenate{axis 0} %0, %1 : f32[8]

import TensorIR

extension Simplifier {
  /// `pad x + pad y`, or `(z + pad x) + pad y`, where `x` and `y` lie side by side: one pad of their
  /// concatenation. Pads that others read too would stay, and so nothing be gained.
  func joinedPaddings(_ x: ValueID, _ y: ValueID) -> ValueID? {
    guard let second = window(y) else {
      return window(x) == nil || !isSum(y) ? nil : joinedPaddings(y, x)
    }
    if let first = window(x) { return joined(first, second) }
    guard isSum(x), let terms = operands(of: x, ifResultOf: .binary(.add)) else { return nil }
    for (term, rest) in [(terms[0], terms[1]), (terms[1], terms[0])] {
      if let first = window(term), let sum = joined(first, second) {
        return make(.binary(.add), rest, sum)
      }
    }
    return nil
  }

  /// An array inside of a larger one that is zero otherwise.
  private struct Window {
    var content: ValueID
    var low: [Int]
    var high: [Int]
  }

  private func window(_ x: ValueID) -> Window? {
    guard let node = definition(of: x), case .pad(let low, let high) = node.op,
      rewriter.isReadOnce(x)
    else { return nil }
    return Window(content: node.operands[0], low: low, high: high)
  }

  /// Whether a value is a sum that only one other reads.
  private func isSum(_ x: ValueID) -> Bool {
    definition(of: x)?.op == .binary(.add) && rewriter.isReadOnce(x)
  }

  /// The sum of two windows that differ along one axis and meet there.
  private func joined(_ x: Window, _ y: Window) -> ValueID? {
    let (shape, other) = (self.shape(of: x.content), self.shape(of: y.content))
    let axes = shape.indices.filter { x.low[$0] != y.low[$0] || x.high[$0] != y.high[$0] }
    guard axes.count == 1, let axis = axes.first else { return nil }
    if x.low[axis] > y.low[axis] { return joined(y, x) }
    guard x.low[axis] + shape[axis] == y.low[axis] else { return nil }
    let whole = make(.concatenate(axis: axis), x.content, y.content)
    var high = x.high
    high[axis] -= other[axis]
    return make(.pad(low: x.low, high: high), whole)
  }
}
