// SPDX-License-Identifier: Apache-2.0
//
// What a scheduled program costs, summed over its kernel calls and loops.

import Kernels
import TensorIR

extension Program {
  /// Floating-point operations of one call, counting a multiply-add as two.
  package var flops: Int { Self.total(steps) { $0.kernel.flops } }

  /// Bytes that kernels read and write in one call, each array once a kernel.
  package var bytesMoved: Int { Self.total(steps) { $0.kernel.bytesMoved } }

  /// Kernel calls of one call of the entry point.
  package var kernelCalls: Int { Self.total(steps) { _ in 1 } }

  private static func total(_ steps: [Step], _ cost: (KernelCall) -> Int) -> Int {
    steps.reduce(0) { sum, step in
      switch step {
      case .call(let call): sum.saturatingSum(cost(call))
      case .loop(let loop):
        sum.saturatingSum(loop.tripCount.saturatingProduct(total(loop.body, cost)))
      }
    }
  }
}
