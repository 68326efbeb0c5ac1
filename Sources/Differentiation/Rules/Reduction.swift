// SPDX-License-Identifier: Apache-2.0
//
// Rules of the reductions. The maximum gives its derivative to the largest element of each group;
// elements that tie for it share evenly, as the operands of the elementwise maximum do.

import TensorIR

/// `x_adj`: the adjoint, repeated along the axes that were summed.
func sumRule(axes: [Int]) -> DerivativeRule {
  .linear { scope, adjoint, _ in
    spread(adjoint, like: scope.operands[0], axes: axes, scope.builder)
  }
}

/// `y_tan = sum(share * x_tan)`, `x_adj = share * y_adj`, where `share` is 1 / (number of ties) at
/// the largest elements and 0 elsewhere.
func maximumRule(axes: [Int]) -> DerivativeRule {
  .structured(
    StructuredRule(
      jvp: { scope, tangents in
        let (builder, x) = (scope.builder, scope.operands[0])
        let y = builder.reduce(.maximum, x, axes: axes)
        guard let tangent = tangents[0] else { return ([y], [nil]) }
        let share = shareOfMaximum(x, y, axes: axes, builder)
        return ([y], [builder.sum(builder.multiply(share, tangent), axes: axes)])
      },
      vjp: { scope, _ in
        let (builder, x) = (scope.builder, scope.operands[0])
        let y = builder.reduce(.maximum, x, axes: axes)
        return (
          [y],
          { adjoints in
            guard let adjoint = adjoints[0] else { return [nil] }
            let share = shareOfMaximum(x, y, axes: axes, builder)
            return [builder.multiply(share, spread(adjoint, like: x, axes: axes, builder))]
          }
        )
      }))
}

/// 1 / (number of ties) where `x` equals its maximum `y` over `axes`, else 0.
private func shareOfMaximum(
  _ x: ValueID, _ y: ValueID, axes: [Int], _ builder: GraphBuilder
) -> ValueID {
  let isLargest = builder.compare(.equal, x, spread(y, like: x, axes: axes, builder))
  let (one, zero) = (builder.constant(1, like: x), builder.constant(0, like: x))
  let mask = builder.select(isLargest, one, zero)
  let count = builder.sum(mask, axes: axes)
  return builder.divide(mask, spread(count, like: x, axes: axes, builder))
}

/// Repeats a reduced array along the reduced axes.
private func spread(
  _ reduced: ValueID, like x: ValueID, axes: [Int], _ builder: GraphBuilder
) -> ValueID {
  let shape = builder.shape(of: x)
  return builder.broadcast(reduced, to: shape, axes: shape.indices.filter { !axes.contains($0) })
}
