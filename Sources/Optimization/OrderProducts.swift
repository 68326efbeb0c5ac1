// SPDX-License-Identifier: Apache-2.0
//
// Lets a product of matrices end in a long axis, where it ends in one that is too short for vectors:
//
//     %2 = contract{[0, 1, 2] [0, 3] to [3, 1, 2]} %0, %1 : f32[64, 32, 3]
//   ->
//     %2 = contract{[0, 1, 2] [0, 3] to [1, 2, 3]} %0, %1 : f32[32, 3, 64]
//     %3 = transpose{permutation [2, 0, 1]} %2 : f32[64, 32, 3]
//
// Such are the weight gradients of convolutions whose kernels are laid out as PyTorch's are, with the
// window last. A kernel writes its result in vectors along the last axis; of three elements these would
// be nearly empty. Moving the result costs a pass over it, which is nothing beside sums of many terms.
// Matrices stay: what reads a row of three or five columns (the classes of a softmax) wants them together.

import TensorIR

extension Pass {
  package static let orderProducts = Pass(
    name: "order products", summary: "lets products end in an axis that fills vectors",
    run: ordered)
}

/// A last axis of fewer elements leaves most of a vector empty, and one of so many fills it.
private let short = 8, long = 16
/// Terms of a sum from which on moving the result is not noticed.
private let fewestTerms = 64

@Sendable private func ordered(_ graph: Graph) -> Graph {
  Rewriter.rewrite(graph) { rewriter, node, operands in
    guard case .contract(let labels) = node.op,
      let order = betterOrder(labels, operands.map { rewriter.type(of: $0).shape })
    else { return rewriter.append(node.op.mapRegions(ordered), operands) }
    let product = ContractionLabels(lhs: labels.lhs, rhs: labels.rhs, output: order)
    let permutation = labels.output.compactMap(order.firstIndex(of:))
    return rewriter.append(
      .transpose(permutation), rewriter.append(.contract(product), operands))
  }
}

/// The labels of the result as those of a product of matrices: what both operands have, what one has
/// in the order of its axes, what the other has; `nil` if the result is as well as it is.
private func betterOrder(_ labels: ContractionLabels, _ shapes: [[Int]]) -> [Int]? {
  let extents = Dictionary(zip(labels.lhs + labels.rhs, shapes[0] + shapes[1])) { one, _ in one }
  func extent(_ label: Int) -> Int { extents[label, default: 1] }
  let isDiagonal =
    Set(labels.lhs).count < labels.lhs.count || Set(labels.rhs).count < labels.rhs.count
  let summed = labels.lhs.filter { !labels.output.contains($0) }.map(extent).reduce(1, *)
  guard !isDiagonal, labels.output.count > 2, let last = labels.output.last, extent(last) < short,
    summed >= fewestTerms
  else { return nil }
  let kept = [labels.lhs, labels.rhs].map { $0.filter(labels.output.contains) }
  let both = kept[0].filter(kept[1].contains)
  let (left, right) = (kept[0].filter { !both.contains($0) }, kept[1].filter { !both.contains($0) })
  let orders = [both + left + right, both + right + left]
  let best = orders.max { extent($0.last ?? last) < extent($1.last ?? last) }
  guard let best, let end = best.last, extent(end) >= long else { return nil }
  return best
}
