// SPDX-License-Identifier: Apache-2.0
//
// From an attention node to its kernel: sizes are read off the types, all arrays are dense.

package import Kernels
package import TensorIR

/// The kernel of an attention node: parameters are the operands, the results, scratch.
func attentionKernel(_ node: Node, in region: RegionSchedule, _ planner: KernelPlanner) -> Kernel {
  guard case .structured(let op) = node.op,
    let shape = AttentionShape(op, operands: node.operands.map { region.type(of: $0) })
  else { preconditionFailure("compiler bug: \(node.op.name) is not attention") }
  let q = region.type(of: node.operands[0])
  let arrays = node.operands.map { ($0, false) } + node.results.map { ($0, true) }
  let parameters = arrays.map { Parameter(dtype: region.type(of: $0).dtype, isWritten: $1) }
  return Kernel(
    body: .attention(planner.plan(shape)),
    parameters: parameters + [Parameter(dtype: q.dtype, isWritten: true)],
    equations: [region.equation(of: node)], flops: shape.flops,
    bytesMoved: arrays.reduce(0) { $0 + region.type(of: $1.0).byteCount })
}

extension AttentionShape {
  /// The sizes of an attention op, or `nil` if the op is another (its arrays are floats).
  package init?(_ op: StructuredOp, operands: [TensorType]) {
    guard case .attention(var scores) = op.function else { return nil }
    let (q, k) = (operands[0], operands[1])
    guard let element = q.dtype.floatType else { return nil }
    func extents(_ extra: AttentionExtra) -> [Int] {
      scores.extras.firstIndex(of: extra).map { operands[3 + $0].shape } ?? []
    }
    // What moves is the same to the value; one kernel serves both.
    if op.order == .value { scores = scores.moving { _ in false } }
    self.init(
      order: op.order, batch: q.shape[0], queries: q.shape[1], keys: k.shape[1], heads: q.shape[2],
      keyHeads: k.shape[2], width: q.shape[3], scores: scores, biasExtents: extents(.bias),
      maskExtents: extents(.mask), element: element)
  }
}
