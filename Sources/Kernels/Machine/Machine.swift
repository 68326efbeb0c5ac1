// SPDX-License-Identifier: Apache-2.0
//
// The machine that kernels are planned for, as far as a plan depends on it: facts in this file, and
// in the others of this folder what follows from them, each formula with the measurement that set it.
// There is no number about a machine anywhere else in the compiler.
//
// The driver makes a machine from the target CPU. Where that tells nothing (all caches of a CPU that
// is not this one, speeds always) the defaults stand: those of the processors that the formulas were
// measured on. So the C of a library for a named CPU is the same wherever it is compiled.

/// The facts about a machine that shape kernels and say what is worth sharing out, storing, packing.
package struct Machine: Sendable, Hashable {
  /// Bytes of one vector register: 16, 32 or 64.
  package var vectorBytes: Int
  /// Number of vector registers.
  package var vectorRegisters: Int
  /// Bytes of the first-level data cache and of the second-level cache of one core, and of the cache
  /// that all cores share.
  package var firstCacheBytes: Int, secondCacheBytes: Int, lastCacheBytes: Int
  /// Workers that a call is expected to get. Any number may come: results are the same bits.
  package var cores: Int
  /// Multiply-adds on f32 vectors that one core does at most, in 10^9 operations a second.
  package var peakGigaflops: Double
  /// Operations of a loop nest that one core does at most, in 10^9 a second.
  package var loopGigaflops: Double
  /// Bytes that one core moves while all do: from and to its own caches, and memory, in 10^9 a second.
  package var cacheGigabytes: Double, memoryGigabytes: Double

  /// Describes a machine; the defaults are those of common x86-64 and arm64 cores.
  ///
  /// AVX-512 (64 bytes) and NEON (16 bytes) have 32 vector registers, AVX2 (32 bytes) has 16. Speeds,
  /// measured on two cores of a Zen 5 with 64-byte vectors: 279 GFLOP/s of multiply-adds (142 with
  /// vectors of 32 bytes: the same number of instructions), loops in the cache at 530 GB/s (1.8 MB in
  /// 3.4 us), memory at 6 to 8 GB/s a core.
  package init(
    vectorBytes: Int, vectorRegisters: Int? = nil, firstCacheBytes: Int = 32 << 10,
    secondCacheBytes: Int = 512 << 10, lastCacheBytes: Int = 16 << 20, cores: Int = 2
  ) {
    precondition([16, 32, 64].contains(vectorBytes), "vector registers hold 16, 32 or 64 bytes")
    self.vectorBytes = vectorBytes
    self.vectorRegisters = vectorRegisters ?? (vectorBytes == 32 ? 16 : 32)
    self.firstCacheBytes = firstCacheBytes
    self.secondCacheBytes = secondCacheBytes
    self.lastCacheBytes = lastCacheBytes
    self.cores = cores
    peakGigaflops = 250 * Double(vectorBytes) / 64
    loopGigaflops = 62.5
    cacheGigabytes = 500
    memoryGigabytes = 7.8
  }

  /// Elements of one vector register.
  package func lanes(_ element: ContractionElement) -> Int { vectorBytes / element.bytes }

  /// Bytes of a line of every cache, on all machines that LLVM knows vectors of. Arrays and their
  /// parts begin at multiples of it.
  package static let lineBytes = 64
  /// Elements of whose number the size of every area of scratch memory is a multiple: so areas begin
  /// at lines, whatever the element.
  package static let areaElements = 16
}
