// SPDX-License-Identifier: Apache-2.0
//
// Which kernels are shared out over workers: those that are large enough, of regions that do not run
// inside one worker already. Asked by passes that plan for it and by the one that emits the calls.

import Kernels
import TensorIR

/// Whether kernels of a program are shared out.
struct SharingRule {
  private let mayRunParallel: Bool

  init(_ options: ScheduleOptions) { mayRunParallel = options.mayRunParallel }

  /// Whether the call of a kernel is.
  func isSharedOut(_ kernel: Kernel, in region: RegionSchedule) -> Bool {
    switch kernel.body {
    case .contraction, .attention: return isSharedOut(products: kernel.flops, in: region)
    case .packing: return isSharedOut(packedBytes: kernel.bytesMoved, in: region)
    case .fused(let fused):
      guard fused.splitVariable != nil, fused.splitExtent >= region.machine.sharedIterations
      else { return false }
      return mayShareOut(region)
        && region.machine.isWorthSharing(flops: kernel.flops, bytes: kernel.bytesMoved)
    }
  }

  /// Whether a contraction or attention of so many floating-point operations is.
  func isSharedOut(products flops: Int, in region: RegionSchedule) -> Bool {
    mayShareOut(region) && flops >= region.machine.sharedProductOperations
  }

  /// Whether a copy into panels that moves so many bytes is.
  func isSharedOut(packedBytes bytes: Int, in region: RegionSchedule) -> Bool {
    mayShareOut(region) && bytes >= region.machine.sharedPackingBytes
  }

  private func mayShareOut(_ region: RegionSchedule) -> Bool {
    mayRunParallel && !region.isInWorker
  }
}
