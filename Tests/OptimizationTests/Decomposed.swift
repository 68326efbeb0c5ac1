// SPDX-License-Identifier: Apache-2.0
//
// Structured ops as what they are short for: what fused kernels and lowerings are compared with.

import TensorIR

@testable import Optimization

/// The graph with every structured op replaced by primitives, large arrays and all.
@Sendable func decomposed(_ graph: Graph) -> Graph {
  Rewriter.rewrite(graph) { rewriter, node, operands in
    guard case .structured(let op) = node.op else {
      return rewriter.append(node.op.mapRegions(decomposed), operands)
    }
    return rewriter.inline(op.decomposition(operands.map(rewriter.type(of:))), operands)
  }
}
