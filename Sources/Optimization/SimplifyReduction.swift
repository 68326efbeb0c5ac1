// SPDX-License-Identifier: Apache-2.0
//
// Reduction rules of `SimplifyAlgebra`: reduce the smaller array. Repeated axes, factors and
// permutations are taken out of the reduction, and a sum of products of two smaller arrays becomes
// a contraction, which never holds the products.

import TensorIR

extension Simplifier {
  func simplerReduction(_ op: Op, _ x: ValueID) -> ValueID? {
    guard case .reduce(let reduction, let axes) = op else { return nil }
    let shape = shape(of: x)
    let kept = shape.indices.filter { !axes.contains($0) }
    if axes.allSatisfy({ shape[$0] == 1 }) { return makeReshape(x, kept.map { shape[$0] }) }
    if let repetition = repetition(x) {
      return reducedRepetition(repetition, reduction, axes: axes, of: x)
    }
    guard let node = definition(of: x) else { return nil }
    switch (node.op, reduction) {
    case (.reduce(reduction, let inner), _):
      let remaining = Array(self.shape(of: node.operands[0]).indices).filter { !inner.contains($0) }
      let all = (inner + axes.map { remaining[$0] }).sorted()
      return make(.reduce(reduction, axes: all), node.operands[0])
    case (.reshape, _) where kept.isEmpty:
      let all = Array(self.shape(of: node.operands[0]).indices)
      return make(.reduce(reduction, axes: all), node.operands[0])
    case (.transpose(let permutation), _):
      return reducedTranspose(node.operands[0], permutation, reduction, axes: axes)
    case (.unary(.negate), .sum):
      return makeNegation(makeSum(node.operands[0], axes: axes))
    case (.binary(.multiply), .sum):
      return summedProduct(x, node.operands[0], node.operands[1], axes: axes)
    case (.contract(let labels), .sum) where rewriter.isReadOnce(x):
      return summedContraction(node.operands, labels, axes: axes)
    default: return nil  // The rest is best reduced as it stands.
    }
  }

  /// The reduction of a repeated array: of its source, times the number of repetitions.
  private func reducedRepetition(
    _ repetition: Repetition, _ reduction: Reduction, axes: [Int], of x: ValueID
  ) -> ValueID {
    let shape = shape(of: x)
    let kept = shape.indices.filter { !axes.contains($0) }
    let inner = repetition.axes.indices.filter { axes.contains(repetition.axes[$0]) }
    var result = make(.reduce(reduction, axes: inner), repetition.source)
    if reduction == .sum {
      let repeats = axes.filter { !repetition.axes.contains($0) }.map { shape[$0] }.reduce(1, *)
      result = makeProduct(result, makeConstant(Double(repeats), type(of: result)))
    }
    let places = repetition.axes.filter { !axes.contains($0) }.compactMap(kept.firstIndex(of:))
    return makeBroadcast(result, to: kept.map { shape[$0] }, axes: places)
  }

  private func reducedTranspose(
    _ x: ValueID, _ permutation: [Int], _ reduction: Reduction, axes: [Int]
  ) -> ValueID {
    let innerAxes = axes.map { permutation[$0] }.sorted()
    let reduced = make(.reduce(reduction, axes: innerAxes), x)
    let keptInner = permutation.indices.filter { !innerAxes.contains($0) }
    let keptOuter = permutation.filter { !innerAxes.contains($0) }
    return make(.transpose(keptOuter.compactMap(keptInner.firstIndex(of:))), reduced)
  }

  // MARK: Sums of products

  /// `sum(x * y)` over `axes`, where `product` is `x * y`.
  private func summedProduct(
    _ product: ValueID, _ x: ValueID, _ y: ValueID, axes: [Int]
  ) -> ValueID? {
    let shape = shape(of: product)
    let repetitions = (x: repetition(x), y: repetition(y))
    for (factor, other) in [(repetitions.x, y), (repetitions.y, x)] {
      guard let factor else { continue }
      let first = axes.filter { !factor.axes.contains($0) && shape[$0] > 1 }
      if !first.isEmpty { return factoredSum(factor, other, first: first, axes: axes) }
    }
    guard let x = repetitions.x, let y = repetitions.y, rewriter.isReadOnce(product) else {
      return nil
    }
    let isSharedSum = axes.allSatisfy { x.axes.contains($0) && y.axes.contains($0) }
    let covered = Set(x.axes).union(y.axes)
    guard isSharedSum, covered.isSuperset(of: shape.indices), type(of: product).dtype.isFloat
    else { return nil }
    let output = shape.indices.filter { !axes.contains($0) }
    let labels = ContractionLabels(lhs: x.axes, rhs: y.axes, output: output)
    return make(.contract(labels), x.source, y.source)
  }

  /// Sums `other` over the axes that the factor only repeats, then the product over the rest.
  private func factoredSum(
    _ factor: Repetition, _ other: ValueID, first: [Int], axes: [Int]
  ) -> ValueID {
    let shape = shape(of: other)
    let remaining = shape.indices.filter { !first.contains($0) }
    let places = factor.axes.compactMap(remaining.firstIndex(of:))
    let summed = makeSum(other, axes: first)
    let repeated = makeBroadcast(factor.source, to: self.shape(of: summed), axes: places)
    let rest = axes.compactMap(remaining.firstIndex(of:))
    return makeSum(makeProduct(summed, repeated), axes: rest)
  }

  /// The sum of a contraction over axes of its output: labels of both operands are summed with the
  /// rest, a label of one operand is summed there first.
  private func summedContraction(
    _ operands: [ValueID], _ labels: ContractionLabels, axes: [Int]
  ) -> ValueID {
    let summed = Set(axes.map { labels.output[$0] })
    func summedAlone(_ x: ValueID, _ own: [Int], _ other: [Int]) -> (ValueID, [Int]) {
      let alone = own.indices.filter { summed.contains(own[$0]) && !other.contains(own[$0]) }
      let kept = own.filter { !summed.contains($0) || other.contains($0) }
      return (makeSum(x, axes: alone), kept)
    }
    let (lhs, lhsLabels) = summedAlone(operands[0], labels.lhs, labels.rhs)
    let (rhs, rhsLabels) = summedAlone(operands[1], labels.rhs, labels.lhs)
    let output = labels.output.filter { !summed.contains($0) }
    let newLabels = ContractionLabels(lhs: lhsLabels, rhs: rhsLabels, output: output)
    return make(.contract(newLabels), lhs, rhs)
  }
}
