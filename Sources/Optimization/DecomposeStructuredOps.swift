// SPDX-License-Identifier: Apache-2.0
//
// Replaces every structured op by its decomposition into primitives.
//
//     %o, %s = attention{causal true scale 0.125} %q, %k, %v
//   ->
//     scores, softmax and weighted sum, with whole arrays of scores
//
// Not in the standard pipeline: the decomposition holds the large arrays that structured ops exist
// to avoid. Tests compare fused kernels with it, and a back end without the kernels can start here.

import TensorIR

extension Pass {
  package static let decomposeStructuredOps = Pass(
    name: "decompose structured ops",
    summary: "replaces structured ops by primitives, large arrays and all",
    run: decomposed)
}

@Sendable private func decomposed(_ graph: Graph) -> Graph {
  Rewriter.rewrite(graph) { rewriter, node, operands in
    guard case .structured(let op) = node.op else {
      return rewriter.append(node.op.mapRegions(decomposed), operands)
    }
    return rewriter.inline(op.decomposition(operands.map(rewriter.type(of:))), operands)
  }
}
