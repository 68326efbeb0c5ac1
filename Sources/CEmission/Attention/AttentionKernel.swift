// SPDX-License-Identifier: Apache-2.0
//
// The door to the writers of attention: a plan goes in, the text of one C function comes out. Start
// reading here; then AttentionWriter (what all orders share; places and scores have files of their
// own), and AttentionForward and AttentionReverse (the loops over tiles). Tiles and products are decided in `Kernels/Attention`.

package import Kernels
import TensorIR

/// Writes the kernel of attention.
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
/// The operands of `AttentionScores.extras` follow `v`, the tangents and adjoints of those that move
/// follow those of `v`.
///
/// It computes the units `begin ..< end` of the plan's, which may go to any threads in any ranges:
/// every element is computed in one unit, always in the same order of operations.
///
/// - Parameter name: C identifier of the entry; helper functions begin with it.
/// - Cost: a few thousand operations; about 50 to 100 ms of clang -O3.
package func emitAttention(_ plan: AttentionPlan, named name: String) -> KernelText {
  let products = plan.products.all.map { part, product in
    emitContraction(product, named: "\(name)_\(part)")
  }
  let writer = AttentionWriter(plan, named: name)
  switch plan.shape.order {
  case .value, .tangent: writer.writeForward()
  case .adjoint, .adjointTangent: writer.writeReverse()
  }
  return KernelText(
    text: products.map(\.text).joined() + writer.text,
    requiredHelpers: products.reduce(into: Set(writer.helpers)) {
      $0.formUnion($1.requiredHelpers)
    })
}
