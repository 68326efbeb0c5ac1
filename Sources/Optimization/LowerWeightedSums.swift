// SPDX-License-Identifier: Apache-2.0
//
// Makes a sum of elementwise products of a contraction that reads every element of one operand once,
// if that operand is made of smaller arrays alone:
//
//     %2 = tanh %1 : f32[12800, 100]                       where %1 = broadcast(%x) * broadcast(%u)
//     %3 = contract{[0, 1] [1] to [0]} %2, %w : f32[12800]
//   ->
//     %3 = broadcast{shape [12800, 100] axes [1]} %w : f32[12800, 100]
//     %4 = multiply %2, %3 : f32[12800, 100]
//     %5 = reduce_sum{axes [1]} %4 : f32[12800]
//
// Networks that are applied to every element (learned activations, losses and optimisers, fields of
// physics) consist of such contractions, in both directions and at every derivative order. As one
// they have to find their operand in memory, which costs far more than its arithmetic: each element
// takes part in one product. As a sum they belong to the kernel that computes the operand, which is
// then never stored. An operand that reads an array of its own size is left alone: storing it costs
// no more than that array did, and a contraction's kernel sums it faster.
//
// What is added to such a sum is summed with it: a tangent of a product is two products, and a sum that
// has one element for each element of a row costs a load and a store for each of its terms.
//
//     %3 = reduce_sum{axes [0]} %1                     %3 = multiply %1, 0.5
//     %4 = reduce_sum{axes [0]} %2               ->    %4 = add %3, %2
//     %5 = add (multiply %3, 0.5), %4                  %5 = reduce_sum{axes [0]} %4

import TensorIR

extension Pass {
  package static let lowerWeightedSums = Pass(
    name: "lower weighted sums",
    summary: "makes sums of products of contractions whose operand need not be stored",
    run: lowered)
}

@Sendable private func lowered(_ graph: Graph) -> Graph {
  var expansions = Expansions()
  return Rewriter.rewrite(graph) { rewriter, node, operands in
    let results =
      WeightedSum(node.op, operands)?.summed(rewriter, expansions)
      ?? expansions.sumOfSums(node.op, operands, rewriter)
      ?? rewriter.append(node.op.mapRegions(lowered), operands)
    expansions.note(results, rewriter)
    return results
  }
}

/// The arrays of a graph that are made elementwise of arrays which are smaller than they are.
private struct Expansions {
  private var values: Set<ValueID> = []
  /// The first value of the new graph that nothing is known of.
  private var next = 0

  func contain(_ value: ValueID) -> Bool { values.contains(value) }

  /// Remembers what the values of the new graph are, up to the last of those given.
  mutating func note(_ results: [ValueID], _ rewriter: Rewriter) {
    guard let last = results.last?.index, last >= next else { return }
    for value in (next...last).map(ValueID.init(index:)) {
      guard let node = rewriter.definition(of: value), node.op.family == .elementwise,
        node.operands.allSatisfy({ isComputed($0, rewriter) })
      else { continue }
      values.insert(value)
    }
    next = last + 1
  }

  /// Whether nothing of the size of `value` has to be read for it.
  private func isComputed(_ value: ValueID, _ rewriter: Rewriter) -> Bool {
    if values.contains(value) { return true }
    guard let node = rewriter.definition(of: value) else { return false }
    switch node.op {
    case .constant, .iota: return true
    case .broadcast:
      let source = rewriter.type(of: node.operands[0]).elementCount
      return source < rewriter.type(of: value).elementCount
    default: return false  // Every other array has to be in memory.
    }
  }
}

extension Expansions {
  /// A sum of two sums of expansions over the same axes, as one; `nil` if `op` is something else, or if
  /// one of the sums is read elsewhere, too.
  func sumOfSums(_ op: Op, _ operands: [ValueID], _ rewriter: Rewriter) -> [ValueID]? {
    guard op == .binary(.add), let left = sum(operands[0], rewriter),
      let right = sum(operands[1], rewriter), left.axes == right.axes,
      rewriter.type(of: left.terms) == rewriter.type(of: right.terms)
    else { return nil }
    let terms = rewriter.append(
      op, [scaled(left, rewriter), scaled(right, rewriter)])
    let sum = rewriter.append(.reduce(.sum, axes: left.axes), terms)
    let shape = rewriter.type(of: operands[0]).shape
    return rewriter.type(of: sum[0]).shape == shape ? sum : rewriter.append(.reshape(shape), sum)
  }

  private struct Sum {
    var terms: ValueID
    var axes: [Int]
    var factor: Double?
  }

  /// The sum of an expansion that `value` is, perhaps in another shape and times a constant.
  private func sum(_ value: ValueID, _ rewriter: Rewriter) -> Sum? {
    guard rewriter.isReadOnce(value), let node = rewriter.definition(of: value) else { return nil }
    if case .reduce(.sum, let axes) = node.op, contain(node.operands[0]) {
      return Sum(terms: node.operands[0], axes: axes)
    }
    if case .reshape = node.op { return sum(node.operands[0], rewriter) }
    guard node.op == .binary(.multiply),
      case .constant(let factor, _)? = rewriter.definition(of: node.operands[1])?.op,
      var product = sum(node.operands[0], rewriter), product.factor == nil
    else { return nil }
    product.factor = factor
    return product
  }

  private func scaled(_ sum: Sum, _ rewriter: Rewriter) -> ValueID {
    guard let factor = sum.factor else { return sum.terms }
    let constant = rewriter.append(.constant(factor, rewriter.type(of: sum.terms)), [])
    return rewriter.append(.binary(.multiply), [sum.terms] + constant)[0]
  }
}

/// A contraction in which all labels of one operand are labels of the other, too.
private struct WeightedSum {
  var terms: ValueID
  var weights: ValueID
  var termLabels: [Int]
  var weightLabels: [Int]
  var outputLabels: [Int]

  init?(_ op: Op, _ operands: [ValueID]) {
    guard case .contract(let labels) = op else { return nil }
    guard Set(labels.lhs).count == labels.lhs.count, Set(labels.rhs).count == labels.rhs.count
    else { return nil }
    outputLabels = labels.output
    if Set(labels.rhs).isSubset(of: labels.lhs) {
      (terms, weights) = (operands[0], operands[1])
      (termLabels, weightLabels) = (labels.lhs, labels.rhs)
    } else if Set(labels.lhs).isSubset(of: labels.rhs) {
      (terms, weights) = (operands[1], operands[0])
      (termLabels, weightLabels) = (labels.rhs, labels.lhs)
    } else {
      return nil
    }
  }

  /// The sum of products; `nil` if both operands have to be in memory anyway.
  func summed(_ rewriter: Rewriter, _ expansions: Expansions) -> [ValueID]? {
    let areTermsExpanded = expansions.contain(terms)
    let areWeightsExpanded =
      weightLabels.count == termLabels.count && expansions.contain(weights)
    guard areTermsExpanded || areWeightsExpanded else { return nil }
    func add(_ op: Op, _ operands: ValueID...) -> ValueID { rewriter.append(op, operands)[0] }
    func ordered(_ x: ValueID, _ labels: [Int], as wanted: [Int]) -> ValueID {
      let permutation = wanted.compactMap(labels.firstIndex(of:))
      return permutation == Array(labels.indices) ? x : add(.transpose(permutation), x)
    }
    let places = termLabels.indices.filter { weightLabels.contains(termLabels[$0]) }
    let weights = ordered(weights, weightLabels, as: places.map { termLabels[$0] })
    let shape = rewriter.type(of: terms).shape
    let repeated =
      places.count == shape.count ? weights : add(.broadcast(shape: shape, axes: places), weights)
    let products = add(.binary(.multiply), terms, repeated)
    let summed = termLabels.indices.filter { !outputLabels.contains(termLabels[$0]) }
    let sum = add(.reduce(.sum, axes: summed), products)
    return [ordered(sum, termLabels.filter(outputLabels.contains), as: outputLabels)]
  }
}
