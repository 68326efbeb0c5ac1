// SPDX-License-Identifier: Apache-2.0
//
// The matrix products of one tile of attention, as contractions of a fixed size. A kernel for a
// tangent has each operand in two parts, value and tangent, laid side by side so that the sum of two
// products, `a b_tan + a_tan b`, is one product of twice the depth.

package import TensorIR

/// The tile products that an order of attention needs.
///
/// With n parts (1, or 2 for tangents), tiles of t queries and u keys, and rows of width d:
///
/// - `scores`: `c[u, t] = a[u, d] . b[d, t]`, where rows of `a` are `n d` apart: keys times
///   transposed queries, and values times transposed adjoints of the result;
/// - `scoresTangent`: the same over all parts, `a[u, n d] . b[n d, t]`;
/// - `down`: `c[t, d] += a[n u, t]^T . b[n u, d]`, sums over the keys;
/// - `across`: `c[u, d] += a[u, n t] . b[n t, d]`, sums over the queries.
package struct AttentionProducts: Sendable {
  package let scores: ContractionPlan
  package let scoresTangent: ContractionPlan?
  package let down: ContractionPlan
  package let across: ContractionPlan?

  init(_ shape: AttentionShape, _ tiling: AttentionTiling, on machine: Machine) {
    let (t, u, d, n) = (tiling.queries, tiling.keys, shape.width, shape.order.partCount)
    func product(
      _ rows: ContractionDimension, _ columns: ContractionDimension,
      _ inner: ContractionDimension, accumulates: Bool = false
    ) -> ContractionPlan {
      let product = ContractionShape(
        rows: [rows], columns: [columns], inner: [inner], accumulates: accumulates,
        element: shape.element)
      return ContractionPlan(product, on: machine)
    }
    let alongQueries = ContractionDimension(extent: t, strideA: 0, strideB: 1, strideC: 1)
    let alongWidth = ContractionDimension(extent: d, strideA: 0, strideB: 1, strideC: 1)
    let keyRows = ContractionDimension(extent: u, strideA: n * d, strideB: 0, strideC: n * t)
    func overWidth(_ parts: Int) -> ContractionDimension {
      ContractionDimension(extent: parts * d, strideA: 1, strideB: t, strideC: 0)
    }
    scores = product(keyRows, alongQueries, overWidth(1))
    scoresTangent = n == 1 ? nil : product(keyRows, alongQueries, overWidth(n))
    down = product(
      ContractionDimension(extent: t, strideA: 1, strideB: 0, strideC: d), alongWidth,
      ContractionDimension(extent: n * u, strideA: t, strideB: d, strideC: 0), accumulates: true)
    across =
      shape.order.isReverse
      ? product(
        ContractionDimension(extent: u, strideA: n * t, strideB: 0, strideC: d), alongWidth,
        ContractionDimension(extent: n * t, strideA: 1, strideB: d, strideC: 0),
        accumulates: true)
      : nil
  }

  /// All products, with the ends of their functions' names.
  package var all: [(part: String, plan: ContractionPlan)] {
    [("scores", scores), ("scores_tan", scoresTangent), ("down", down), ("across", across)]
      .compactMap { part, plan in plan.map { (part, $0) } }
  }

  /// Bytes of scratch memory that one product at a time needs.
  var scratchBytes: Int { all.map(\.plan.scratchBytes).max() ?? 0 }
}

extension DerivativeOrder {
  /// Parts of each operand: its value, and its tangent if the kernel gives tangents.
  package var partCount: Int {
    switch self {
    case .value, .adjoint: 1
    case .tangent, .adjointTangent: 2
    }
  }

  /// Whether the kernel sums over queries for each key.
  package var isReverse: Bool {
    switch self {
    case .value, .tangent: false
    case .adjoint, .adjointTangent: true
    }
  }
}
