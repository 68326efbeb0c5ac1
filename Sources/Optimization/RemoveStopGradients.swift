// SPDX-License-Identifier: Apache-2.0
//
// Removes `stop_gradient` nodes, which are the identity once all derivatives have been taken.
//
//     %1 = stop_gradient %0 : f32[3]
//     %2 = exp %1 : f32[3]             ->   %1 = exp %0 : f32[3]
//
// Assumes that no derivative of the graph will be asked for; functions of `gradient` and `jvp` nodes,
// whose derivative is still to come, are left alone.

import TensorIR

extension Pass {
  package static let removeStopGradients = Pass(
    name: "remove stop gradients",
    summary: "removes stop_gradient once all derivatives are taken",
    run: withoutStopGradients)
}

@Sendable private func withoutStopGradients(_ graph: Graph) -> Graph {
  Rewriter.rewrite(graph) { rewriter, node, operands in
    switch node.op {
    case .stopGradient: return operands
    case .gradient, .jvp: return rewriter.append(node.op, operands)
    default: return rewriter.append(node.op.mapRegions(withoutStopGradients), operands)
    }
  }
}
