// SPDX-License-Identifier: Apache-2.0
//
// Contraction rules of `SimplifyAlgebra`. Canonical form: labels numbered in order of appearance,
// no operand a transpose or a broadcast, no label of extent 1, at least one summed label (without
// one it is an elementwise product, which fuses better).

import TensorIR

extension Simplifier {
  func simplerContraction(_ op: Op, _ lhs: ValueID, _ rhs: ValueID) -> ValueID? {
    guard case .contract(let labels) = op else { return nil }
    let product = Contraction(lhs: lhs, rhs: rhs, labels: labels)
    return withoutTranspose(product)
      ?? withoutTranspose(product.swapped)
      ?? withoutUnitLabels(product)
      ?? withoutRepetition(product)
      ?? withoutRepetition(product.swapped)
      ?? elementwise(product)
      ?? withCanonicalLabels(product)
  }

  /// The operands and labels of one contraction.
  private struct Contraction {
    var lhs: ValueID
    var rhs: ValueID
    var labels: ContractionLabels
    /// Whether `lhs` and `rhs` have changed places, to be undone by `make`.
    var isSwapped = false

    var swapped: Contraction {
      let labels = ContractionLabels(lhs: labels.rhs, rhs: labels.lhs, output: labels.output)
      return Contraction(lhs: rhs, rhs: lhs, labels: labels, isSwapped: !isSwapped)
    }

    var summed: [Int] { labels.lhs.filter { !labels.output.contains($0) } }
  }

  private func make(_ product: Contraction) -> ValueID {
    let product = product.isSwapped ? product.swapped : product
    return make(.contract(product.labels), product.lhs, product.rhs)
  }

  /// A transposed left operand is read through permuted labels.
  private func withoutTranspose(_ product: Contraction) -> ValueID? {
    guard let node = definition(of: product.lhs), case .transpose(let permutation) = node.op else {
      return nil
    }
    var product = product
    let labels = product.labels.lhs
    for (axis, source) in permutation.enumerated() { product.labels.lhs[source] = labels[axis] }
    product.lhs = node.operands[0]
    return make(product)
  }

  /// Labels of extent 1 vanish from the operands and come back as axes of the result.
  private func withoutUnitLabels(_ product: Contraction) -> ValueID? {
    let labels = product.labels
    let extents = Dictionary(
      zip(labels.lhs + labels.rhs, shape(of: product.lhs) + shape(of: product.rhs))
    ) { first, _ in first }
    let isUnit = { (label: Int) in extents[label] == 1 }
    guard (labels.lhs + labels.rhs).contains(where: isUnit) else { return nil }
    func squeezed(_ x: ValueID, _ own: [Int]) -> ValueID {
      makeReshape(x, own.filter { !isUnit($0) }.map { extents[$0, default: 1] })
    }
    var smaller = product
    smaller.lhs = squeezed(product.lhs, labels.lhs)
    smaller.rhs = squeezed(product.rhs, labels.rhs)
    smaller.labels.lhs.removeAll(where: isUnit)
    smaller.labels.rhs.removeAll(where: isUnit)
    smaller.labels.output.removeAll(where: isUnit)
    return makeReshape(make(smaller), labels.output.map { extents[$0, default: 1] })
  }

  /// A repeated left operand: its source takes part instead. A repeated label that is summed is
  /// summed in the other operand first; one in the left operand only repeats the result.
  private func withoutRepetition(_ product: Contraction) -> ValueID? {
    guard let repetition = repetition(product.lhs) else { return nil }
    let labels = product.labels
    let kept = repetition.axes.map { labels.lhs[$0] }
    let dropped = labels.lhs.filter { !kept.contains($0) }
    let summedFirst = labels.rhs.indices.filter { axis in
      dropped.contains(labels.rhs[axis]) && !labels.output.contains(labels.rhs[axis])
    }
    let isRepeated = { (label: Int) in dropped.contains(label) && !labels.rhs.contains(label) }
    var smaller = product
    smaller.lhs = repetition.source
    smaller.labels.lhs = kept
    smaller.rhs = makeSum(product.rhs, axes: summedFirst)
    smaller.labels.rhs = labels.rhs.indices.filter { !summedFirst.contains($0) }
      .map { labels.rhs[$0] }
    smaller.labels.output.removeAll(where: isRepeated)
    let result = make(smaller)
    let places = labels.output.indices.filter { !isRepeated(labels.output[$0]) }
    return makeBroadcast(result, to: outputShape(of: product), axes: places)
  }

  private func outputShape(of product: Contraction) -> [Int] {
    let labels = product.labels
    let extents = Dictionary(
      zip(labels.lhs + labels.rhs, shape(of: product.lhs) + shape(of: product.rhs))
    ) { first, _ in first }
    return labels.output.map { extents[$0, default: 1] }
  }

  /// Without a summed label: an elementwise product of the operands, laid out like the output.
  private func elementwise(_ product: Contraction) -> ValueID? {
    guard product.summed.isEmpty else { return nil }
    let output = product.labels.output
    let shape = outputShape(of: product)
    func laidOut(_ x: ValueID, _ labels: [Int]) -> ValueID {
      let places = output.indices.filter { labels.contains(output[$0]) }
      let permutation = places.compactMap { labels.firstIndex(of: output[$0]) }
      return makeBroadcast(make(.transpose(permutation), x), to: shape, axes: places)
    }
    return makeProduct(
      laidOut(product.lhs, product.labels.lhs), laidOut(product.rhs, product.labels.rhs))
  }

  private func withCanonicalLabels(_ product: Contraction) -> ValueID? {
    let labels = product.labels
    var number: [Int: Int] = [:]
    for label in labels.lhs + labels.rhs where number[label] == nil {
      number[label] = number.count
    }
    func renamed(_ labels: [Int]) -> [Int] { labels.map { number[$0, default: $0] } }
    var canonical = product
    canonical.labels = ContractionLabels(
      lhs: renamed(labels.lhs), rhs: renamed(labels.rhs), output: renamed(labels.output))
    return canonical.labels == labels ? nil : make(canonical)
  }
}
