// SPDX-License-Identifier: Apache-2.0
//
// Which loop of a fused kernel is shared out over workers. From what size on that pays is in
// `Kernels/Machine/SharingLimits.swift`. Every choice looks at sizes alone, never at how many workers
// there are: the results are the same bits for any number of them.

import Kernels
import TensorIR

extension KernelBuilder {
  /// Whether what has been counted so far is worth sharing out.
  var isLarge: Bool { machine.isWorthSharing(flops: flops, bytes: bytesMoved) }
}

extension LoopNest {
  /// The loop to share out: of those given, the outermost with enough iterations for any number of
  /// workers. In small kernels just the outermost, since inner loops run faster if their extents are
  /// known.
  func sharedLoop(
    among groups: [Int], isLarge: Bool, on machine: Machine
  ) -> (variable: Int, extent: Int)? {
    let loops = groups.filter { self.groups[$0].extent > 1 }
    let long = loops.first { self.groups[$0].extent >= machine.sharedIterations }
    let chosen = isLarge ? long ?? loops.first : loops.first
    return chosen.map { ($0, self.groups[$0].extent) }
  }

  /// The loop of a large kernel that moves data; small ones are not shared out.
  func sharedLoop(
    among groups: [Int], of builder: KernelBuilder
  ) -> (variable: Int, extent: Int)? {
    let machine = builder.machine
    guard builder.isLarge, let loop = sharedLoop(among: groups, isLarge: true, on: machine),
      loop.extent >= machine.sharedIterations
    else { return nil }
    return loop
  }
}
