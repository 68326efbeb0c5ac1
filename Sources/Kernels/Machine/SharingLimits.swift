// SPDX-License-Identifier: Apache-2.0
//
// From what size on work is worth sharing out over the workers. Every choice looks at sizes alone,
// never at how many workers there are: the results are the same bits for any number of them.
//
// Measured with `Benchmarks/kernels/nests.py --sharing` on two cores of a Zen 5, both busy with other
// programs, so from the better of two runs. The pool was awake; what waking it costs is 7 us at least,
// handing out too early costs 0.2 us.

extension Machine {
  /// Bytes that a loop nest moves, or operations at eight bytes each (`loopWork`), to be worth it: 4 us.
  ///
  /// Bound by memory, a loop of 1.8 million takes 3.4 us and gains nothing from a second core, one of
  /// 3.7 million is 2.5 times as fast (it leaves one second-level cache, not two); bound by arithmetic,
  /// 3.3 million makes no difference and 6.6 million gains 1.35-fold. So the point lies between two and
  /// three and a half million.
  package var sharedLoopWork: Int { Int(4_000 * cacheGigabytes) }

  /// What a loop nest costs: the bytes it moves, and those that it could move meanwhile.
  package func loopWork(flops: Int, bytes: Int) -> Int {
    flops * Int((cacheGigabytes / loopGigaflops).rounded()) + bytes
  }

  /// Whether a loop nest is worth sharing out.
  package func isWorthSharing(flops: Int, bytes: Int) -> Bool {
    loopWork(flops: flops, bytes: bytes) >= sharedLoopWork
  }

  /// Operations of a contraction or of attention that is worth it: 8 us at 250 GFLOP/s. An
  /// arithmetic-bound loop of that time gained 1.6-fold in the same measurement; contractions
  /// themselves were not measured, nor machines of half the speed, which get no lower limit.
  package var sharedProductOperations: Int { Int(8_000 * max(peakGigaflops, 250)) }

  /// Bytes moved by packing an operand that is worth it: copying is a loop nest.
  package var sharedPackingBytes: Int { sharedLoopWork }

  /// A loop with fewer iterations leaves workers without any, or with very uneven parts.
  package var sharedIterations: Int { 8 * cores }

  /// Column sums with fewer columns are made in parts of their rows: a worker's share of the columns,
  /// less than a first-level cache of f32, would be short stretches of memory, in a loop of unknown
  /// length. Measured on two cores of a Zen 3, sums of [1e6, 16] take 3.4 ms instead of 24, of
  /// [16000, 1024] 3.4 ms instead of 5.3.
  package var sharedColumns: Int { cores * firstCacheBytes / 4 }

  // MARK: Sums in parts

  /// Parts of a large sum at most: enough for more workers than expected, few enough to be added in no
  /// time.
  package var mostParts: Int { 16 * cores }
  /// Iterations of a part at least, so that clearing and adding the parts is little work beside.
  package static let leastIterationsOfPart = 8
  /// Bytes of all parts at most: they are added from a cache.
  package var mostPartsBytes: Int { lastCacheBytes / 16 }
}
