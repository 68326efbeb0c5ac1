// SPDX-License-Identifier: Apache-2.0
//
// Ops that share their loop nest with no other. To the passes they are all alike, a step that reads
// views and writes an array; only their loops, which are chosen here, differ.

import Kernels
import TensorIR

/// An op with a loop nest of its own.
enum LoneOp: Hashable {
  /// Of a table and indices.
  case gather
  /// Of indices and updates.
  case scatterAdd
}

extension KernelBuilder {
  /// The kernel of an op that stands alone.
  mutating func kernel(
    of op: LoneOp, _ operands: [View], result: View, dtype: DType
  ) -> Kernel {
    switch op {
    case .gather: gather(table: operands[0], indices: operands[1], result: result, dtype: dtype)
    case .scatterAdd:
      scatterAdd(indices: operands[0], updates: operands[1], result: result, dtype: dtype)
    }
  }
}
