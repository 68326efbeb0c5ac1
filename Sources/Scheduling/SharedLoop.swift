// SPDX-License-Identifier: Apache-2.0
//
// Which loop of a fused kernel is shared out over workers, and from what size on that pays. Every
// choice looks at sizes alone, never at how many workers there are: the results are the same bits
// for any number of them.

import Kernels
import TensorIR

/// From what size on a kernel is worth waking the workers for.
enum SharingThreshold {
  /// Eight times the operations plus the bytes moved, of a loop nest.
  ///
  /// Measured with `Benchmarks/kernels/nests.py --sharing` on two cores of a Zen 5, both busy with
  /// other programs, so from the better of two runs: bound by memory, a loop of 1.8 million takes
  /// 3.4 us and gains nothing from a second core, one of 3.7 million is 2.5 times as fast (it leaves
  /// one second-level cache, not two); bound by arithmetic, 3.3 million makes no difference and 6.6
  /// million gains 1.35-fold. The pool was awake; what waking it costs is 7 us at least. So the point
  /// lies between two and three and a half million; handing out too early costs 0.2 us.
  static let loopNestWork = 2_000_000
  /// Operations of a contraction or of attention: 8 us at 250 GFLOP/s. An arithmetic-bound loop of
  /// that time gained 1.6-fold in the same measurement; contractions themselves were not measured.
  static let productOperations = 2_000_000
  /// Bytes moved by packing an operand.
  static let packedBytes = 2_000_000
  /// A loop with fewer iterations leaves workers without any, or with very uneven parts.
  static let iterations = 16
  /// Column sums with fewer columns are made in parts of their rows: a worker's share of the columns
  /// would be short stretches of memory, in a loop of unknown length. Measured on two cores of a Zen 3,
  /// sums of [1e6, 16] take 3.4 ms instead of 24, of [16000, 1024] 3.4 ms instead of 5.3.
  static let columns = 1 << 14

  /// Whether a loop nest is worth sharing out.
  static func isReached(flops: Int, bytes: Int) -> Bool { flops * 8 + bytes >= loopNestWork }
}

extension KernelBuilder {
  /// Whether what has been counted so far is worth sharing out.
  var isLarge: Bool { SharingThreshold.isReached(flops: flops, bytes: bytesMoved) }
}

extension LoopNest {
  /// The loop to share out: of those given, the outermost with enough iterations for any number of
  /// workers. In small kernels just the outermost, since inner loops run faster if their extents are
  /// known.
  func sharedLoop(among groups: [Int], isLarge: Bool) -> (variable: Int, extent: Int)? {
    let loops = groups.filter { self.groups[$0].extent > 1 }
    let long = loops.first { self.groups[$0].extent >= SharingThreshold.iterations }
    let chosen = isLarge ? long ?? loops.first : loops.first
    return chosen.map { ($0, self.groups[$0].extent) }
  }

  /// The loop of a large kernel that moves data; small ones are not shared out.
  func sharedLoop(
    among groups: [Int], of builder: KernelBuilder
  ) -> (variable: Int, extent: Int)? {
    guard builder.isLarge, let loop = sharedLoop(among: groups, isLarge: true),
      loop.extent >= SharingThreshold.iterations
    else { return nil }
    return loop
  }
}
