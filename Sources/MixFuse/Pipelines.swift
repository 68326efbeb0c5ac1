// SPDX-License-Identifier: Apache-2.0
//
// The passes, in order. Nothing but lists: a pass is described where it is written.

package import Differentiation
package import Optimization
package import TensorIR

package enum Pipelines {
  /// Over a graph of a problem, before any derivative is taken of it.
  package static func beforeDerivatives(of graph: Graph) -> [Pass] {
    guard graph.hasDerivatives else { return [.applyIdentities] }
    return [
      // Before equal values are merged: these bring most of them.
      .expandSpecDerivatives, .applyIdentities, .eliminateCommonSubexpressions, .eliminateDeadCode,
    ]
  }

  /// From a graph derived with some choices to what is scheduled.
  package static func standard(for options: DerivationOptions) -> [Pass] {
    // Derivatives are taken: what only stood in their way can go.
    var passes: [Pass] = [.removeStopGradients]
    if case .apart(let intensity) = options.lastStep {
      // Equal bodies first, so that loops can be compared. Before structured ops are taken apart.
      passes += [.eliminateCommonSubexpressions, .shareLoopValues(intensity: intensity)]
    }
    return passes + lowering
  }

  private static let lowering: [Pass] = [
    // Structured ops become loops over tiles, whose bodies the passes below see into.
    .lowerLinearCrossEntropy,
    // A step count of one leaves straight-line code, in which the passes below see across steps.
    .inlineSingleTripLoops,
    .simplifyAlgebra,
    // Once slices of sums are smaller sums, and transposes of products are products.
    .lowerWindowSums,
    // Before dead code: the primal program recomputed beside its tangent is the same program.
    .eliminateCommonSubexpressions,
    // Carries and stacks that never change become invariants, which can then leave the loop.
    .simplifyLoops,
    .eliminateDeadCode,
    .hoistLoopInvariants,
    // Each of these brings equal operands together for the next.
    .simplifyAlgebra,
    .eliminateCommonSubexpressions,
    .simplifyLoops,
    .simplifyAlgebra,
    // Last, for others read contractions; equal factors that it repeats are merged.
    .lowerWeightedSums,
    .orderProducts,
    .eliminateCommonSubexpressions,
    .eliminateDeadCode,
  ]
}

extension Pass {
  /// See `Differentiator.expandSpecDerivatives`. Where there is no derivative, the ops are left alone:
  /// the derivation of the entry points asks again and reports it.
  package static let expandSpecDerivatives = Pass(
    name: "expand spec derivatives", summary: "writes out the derivatives that the spec asks for"
  ) { graph in
    (try? Differentiator().expandSpecDerivatives(in: graph)) ?? graph
  }
}
