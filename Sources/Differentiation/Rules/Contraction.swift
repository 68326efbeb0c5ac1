// SPDX-License-Identifier: Apache-2.0
//
// The rule of the general product. A contraction is bilinear, and the transposes are contractions
// with the same labels in other roles: for `y = contract(a, b: A B to Y)`,
//
//   a_adj = contract(y_adj, b: Y B to A)        b_adj = contract(a, y_adj: A Y to B)
//
// Each is well-formed: a label of `a` alone is also in `Y`, a summed label is in `A` and `B`.

import TensorIR

/// The rule of `contract`.
func contractRule(_ labels: ContractionLabels) -> DerivativeRule {
  .bilinear(
    lhs: { scope, adjoint in
      let transposed = ContractionLabels(lhs: labels.output, rhs: labels.rhs, output: labels.lhs)
      return scope.builder.contract(adjoint, scope.operands[1], transposed)
    },
    rhs: { scope, adjoint in
      let transposed = ContractionLabels(lhs: labels.lhs, rhs: labels.output, output: labels.rhs)
      return scope.builder.contract(scope.operands[0], adjoint, transposed)
    })
}
