// SPDX-License-Identifier: Apache-2.0
//
// What one attention kernel has to compute: the scheduler decides that an attention op or one of its
// derivatives is a kernel, `AttentionPlan` how it is computed. Everything in a shape is known when
// the C is written; it knows nothing of graphs.

package import TensorIR

/// Softmax attention over all heads of a batch, or one of its derivatives.
///
/// With `P = softmax(mask(scale Q K^T))` per batch element and head, row statistics
/// `l = log sum exp` and tangents and adjoints of each array, the kernels compute
///
/// - value: `o = P v` and `l`;
/// - tangent: `s_tan = scale (q_tan k^T + q k_tan^T)`, `l_tan = rowsum(P o s_tan)`,
///   `o_tan = (P o s_tan) v - l_tan o + P v_tan`;
/// - adjoint: `s_adj = P o (o_adj v^T - rowsum(o_adj o))`, `q_adj = scale s_adj k`,
///   `k_adj = scale s_adj^T q`, `v_adj = P^T o_adj`;
/// - adjointTangent: the tangent of the adjoint.
///
/// - Shapes: `q`, `o` and their derivatives: `[batch, queries, heads, width]`; `k`, `v`:
///   `[batch, keys, keyHeads, width]`; `l`: `[batch, heads, queries]`. All dense and row-major.
///   Query head h uses key head `h / (heads / keyHeads)`.
package struct AttentionShape: Sendable, Hashable {
  /// Value, or which derivative.
  package var order: DerivativeOrder
  /// Independent sequences.
  package var batch: Int
  /// Rows of the score matrix, and its columns.
  package var queries: Int, keys: Int
  /// Heads of the queries; a multiple of the heads of keys and values.
  package var heads: Int, keyHeads: Int
  /// Elements of one head's row, in queries, keys and values.
  package var width: Int
  /// Whether query i sees only the keys 0...i.
  package var isCausal: Bool
  /// Factor on the scores, commonly `1 / sqrt(width)`.
  package var scale: Double
  /// Float type of all arrays.
  package var element: ContractionElement

  package init(
    order: DerivativeOrder, batch: Int, queries: Int, keys: Int, heads: Int, keyHeads: Int,
    width: Int, isCausal: Bool, scale: Double, element: ContractionElement
  ) {
    self.order = order
    self.batch = batch
    self.queries = queries
    self.keys = keys
    self.heads = heads
    self.keyHeads = keyHeads
    self.width = width
    self.isCausal = isCausal
    self.scale = scale
    self.element = element
  }

  /// Products of a score matrix's size that the kernel has to make, each of `width` terms.
  package var productCount: Int {
    StructuredOp(.attention(isCausal: isCausal, scale: scale), order).productCount
  }

  /// Pairs of a query and a key that count, in one head.
  package var pairCount: Int {
    StructuredOp.pairCount(queries: queries, keys: keys, isCausal: isCausal)
  }

  /// Useful floating-point operations: matrix products over the pairs that count.
  package var flops: Int { 2 * batch * heads * productCount * pairCount * width }
}
