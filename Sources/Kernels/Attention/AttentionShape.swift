// SPDX-License-Identifier: Apache-2.0
//
// What one attention kernel has to compute: the scheduler decides that an attention op or one of its
// derivatives is a kernel, `AttentionPlan` how it is computed. Everything in a shape is known when
// the C is written; it knows nothing of graphs.

package import MixFuseShared
package import TensorIR

/// Softmax attention over all heads of a batch, or one of its derivatives.
///
/// With `P = softmax(mask(S))` and scores `S = scale Q K^T`, or those that `AttentionScores` makes of
/// these products, per batch element and head, row statistics
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
///   Query head h uses key head `h / (heads / keyHeads)`. Terms of the scores, lengths and masks:
///   as `AttentionScores` says, their adjoints likewise.
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
  /// How scores are made, and which count.
  package var scores: AttentionScores
  /// The extents of the bias and of the mask, if there are any: of batch, heads, queries, keys, or 1.
  package var biasExtents: [Int], maskExtents: [Int]
  /// Float type of all arrays.
  package var element: FloatType

  package init(
    order: DerivativeOrder, batch: Int, queries: Int, keys: Int, heads: Int, keyHeads: Int,
    width: Int, scores: AttentionScores, biasExtents: [Int] = [], maskExtents: [Int] = [],
    element: FloatType
  ) {
    self.order = order
    self.batch = batch
    self.queries = queries
    self.keys = keys
    self.heads = heads
    self.keyHeads = keyHeads
    self.width = width
    self.scores = scores
    self.biasExtents = biasExtents
    self.maskExtents = maskExtents
    self.element = element
  }

  /// Products of a score matrix's size that the kernel has to make, each of `width` terms.
  package var productCount: Int {
    StructuredOp(.attention(scores), order).productCount
  }

  /// Pairs of a query and a key that count, in one head.
  package var pairCount: Int { scores.pairCount(queries: queries, keys: keys) }

  /// Useful floating-point operations: matrix products over the pairs that count.
  package var flops: Int { 2 * batch * heads * productCount * pairCount * width }
}

// MARK: Where terms lie

extension AttentionShape {
  /// Elements of a head's relative term: one for each distance of a key from a query.
  package var distances: Int { queries + keys - 1 }

  /// Elements from one batch element, head, query and key to the next in an array of pairs; 0 along
  /// those that share its elements.
  package static func strides(_ extents: [Int]) -> [Int] {
    var strides = [Int](repeating: 0, count: extents.count)
    var next = 1
    for axis in extents.indices.reversed() where extents[axis] > 1 {
      strides[axis] = next
      next *= extents[axis]
    }
    return strides
  }

  /// Whether rows of the bias are keys side by side, one for each query: tiles have it the other way
  /// around.
  package var isBiasTransposed: Bool {
    guard scores.bias != .absent else { return false }
    let strides = Self.strides(biasExtents)
    return strides[2] > 0 && strides[3] == 1
  }

  /// Whether the kernel sums the bias's adjoint over all batch elements, or over all heads: then one
  /// unit of work has all of them.
  package var sumsOverBatch: Bool { sumsBias(over: 0, extent: batch) }
  package var sumsOverHeads: Bool { sumsBias(over: 1, extent: heads) }

  private func sumsBias(over axis: Int, extent: Int) -> Bool {
    order.isReverse && scores.bias == .moving && extent > 1 && biasExtents[axis] == 1
  }
}
