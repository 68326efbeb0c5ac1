// SPDX-License-Identifier: Apache-2.0
//
// The door to the attention emitters: a shape and a target go in, the text of one C function comes
// out, with what its caller has to know. Start reading here; then AttentionTiling (tiles and
// scratch memory), AttentionProducts (the matrix products of one tile), AttentionWriter (what all
// orders share), and AttentionForward and AttentionReverse (the loops over tiles).

package import Scheduling
import TensorIR

/// The C of one attention function and what its caller has to know.
///
/// The text defines functions local to the file; the entry is `NAME(operands.., results..,
/// scratch, begin, end)`, all pointers to elements and `begin`, `end` of type `int64_t`:
///
/// - value: `q k v | o l`
/// - tangent: `q k v o l q_tan k_tan v_tan | o_tan l_tan`
/// - adjoint: `q k v o l o_adj | q_adj k_adj v_adj`
/// - adjointTangent: `q k v o l o_adj q_tan k_tan v_tan o_tan l_tan o_adj_tan
///   | q_adj_tan k_adj_tan v_adj_tan`
///
/// It computes the units `begin ..< end` of `splitCount`, which may go to any threads in any
/// ranges: every element is computed in one unit, always in the same order of operations.
package struct AttentionKernel: Sendable {
  /// The C functions, entry last.
  package let text: String
  /// Symbols of `Templates/runtime` helpers that the text calls.
  package let requiredHelpers: [String]
  /// Number of units the work can be split into: blocks of queries for the value and the
  /// tangent, heads of keys for the adjoints, which sum over all queries.
  package let splitCount: Int
  /// Bytes that `scratch` must point to, aligned to 64, one area per concurrent call. It holds
  /// tiles and does not grow with the length of the sequence.
  package let scratchBytesPerWorker: Int
  /// Floating-point operations done, masked halves of tiles on the diagonal and edges included.
  package let executedFlops: Int
}

/// Writes the kernel of `shape`.
///
/// - Parameters:
///   - name: C identifier of the entry; helper functions begin with it.
///   - target: the machine the C is compiled for. The text is valid C for any machine, and fast
///     on those whose vector registers are as stated.
/// - Cost: a few thousand operations; about 50 to 100 ms of clang -O3.
package func emitAttention(
  _ shape: AttentionShape, named name: String, for target: ContractionTarget
) -> AttentionKernel {
  precondition(shape.heads % shape.keyHeads == 0, "query heads share key heads evenly")
  let tiling = AttentionTiling(shape, target)
  let products = AttentionProducts(shape, tiling, named: name, for: target)
  let writer = AttentionWriter(shape, tiling, products, named: name, for: target)
  switch shape.order {
  case .value, .tangent: writer.writeForward()
  case .adjoint, .adjointTangent: writer.writeReverse()
  }
  return AttentionKernel(
    text: products.text + writer.text,
    requiredHelpers: Set(writer.helpers + products.requiredHelpers).sorted(),
    splitCount: tiling.unitCount(shape),
    scratchBytesPerWorker: writer.scratchCount * shape.element.bytes,
    executedFlops: tiling.executedFlops(shape))
}
