// SPDX-License-Identifier: Apache-2.0
//
// What the functions of kernels are called: after the function of the spec that their first call
// comes from, and the derivatives that led from there to it. `sgd_update`, `relu_vjp`,
// `predict_matmul_vjp_jvp`.

import Kernels
import Scheduling
import TensorIR

extension KernelCall {
  /// The name of the kernel if this is its first call; not distinct yet.
  var kernelName: String {
    let function = provenance.function
    let parts: [String] =
      switch kernel.body {
      case .fused: [function.isEmpty ? "compute" : function]
      case .contraction: [function, "matmul"]
      case .attention: ["attention"]
      case .packing: ["pack"]
      }
    return (parts.filter { !$0.isEmpty } + provenance.derivatives).joined(separator: "_")
  }
}
