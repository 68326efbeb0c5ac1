// SPDX-License-Identifier: Apache-2.0
//
// Products and running products and maxima along an axis, made of elementwise ops on parts of the
// array. A product of n numbers is a tree of log(n) levels, so its derivatives of every order are
// products of the other numbers, right where some are zero; nothing is divided. A running one has as
// many levels of n elements each (Hillis and Steele 1986): after level k an element is combined with
// the 2^k - 1 before it.

import Diagnostics
import TensorIR

extension Elaborator {
  /// The product over some axes, which vanish from the shape.
  ///
  /// - Cost: a multiplication and two moves for each element.
  func product(_ x: Tensor, axes: [Int]) -> Tensor {
    guard !axes.isEmpty else { return x }
    let others = x.shape.indices.filter { !axes.contains($0) }
    let shape = others.map { x.shape[$0] }
    let count = axes.reduce(1) { $0 * x.shape[$1] }
    var rest = emitter.reshape(emitter.transpose(x, others + axes), to: shape + [count])
    while let count = rest.shape.last, count > 1 {
      let axis = shape.count
      let half = count / 2
      let pairs = emitter.binary(
        .multiply, slice(rest, axis: axis, from: 0, to: half),
        slice(rest, axis: axis, from: half, to: 2 * half))
      rest =
        count.isMultiple(of: 2)
        ? pairs
        : emitter.append(
          .concatenate(axis: axis), [pairs, slice(rest, axis: axis, from: 2 * half, to: count)])[0]
    }
    return emitter.reshape(rest, to: shape)
  }

  /// Each element combined with all before it along an axis; with all behind it if `isReversed`.
  ///
  /// - Parameter combine: an associative function of what is nearer to the start of the run, and what is
  ///   farther from it.
  func scan(
    _ x: Tensor, axis: Int, isReversed: Bool,
    _ combine: (_ first: Tensor, _ second: Tensor) -> Tensor
  ) -> Tensor {
    let count = x.shape[axis]
    var result = x
    var step = 1
    while step < count {
      let low = slice(result, axis: axis, from: 0, to: count - step)
      let high = slice(result, axis: axis, from: step, to: count)
      let parts =
        isReversed
        ? [combine(high, low), slice(result, axis: axis, from: count - step, to: count)]
        : [slice(result, axis: axis, from: 0, to: step), combine(low, high)]
      result = emitter.append(.concatenate(axis: axis), parts)[0]
      step *= 2
    }
    return result
  }

  /// The larger of two, the second if they tie, and NaN if one of them is.
  func laterMaximum(_ first: Tensor, _ second: Tensor) -> Tensor {
    let isLarger = emitter.add(.compare(.greater), first, second)
    let larger = emitter.add(.select, isLarger, first, second)
    guard first.dtype.isFloat else { return larger }
    let isUndefined = emitter.add(.compare(.notEqual), first, first)
    return emitter.add(.select, isUndefined, first, larger)
  }
}
