// SPDX-License-Identifier: Apache-2.0
//
// The facts about a machine that shape a contraction kernel: how large a register tile may be and
// how large a block stays in which cache.

package import Scheduling

/// The facts about the machine that shape a kernel.
///
/// Vector registers say how large a register tile may be, cache sizes how large a packed block.
package struct ContractionTarget: Sendable, Hashable {
  /// Bytes of one vector register: 16, 32 or 64.
  package var vectorBytes: Int
  /// Number of vector registers.
  package var vectorRegisters: Int
  /// Bytes of the first-level data cache and of the second-level cache of one core.
  package var firstCacheBytes: Int, secondCacheBytes: Int

  /// Describes a machine; the defaults are those of common x86-64 and arm64 cores.
  ///
  /// AVX-512 (64 bytes) and NEON (16 bytes) have 32 vector registers, AVX2 (32 bytes) has 16.
  package init(
    vectorBytes: Int, vectorRegisters: Int? = nil,
    firstCacheBytes: Int = 32 << 10, secondCacheBytes: Int = 512 << 10
  ) {
    precondition([16, 32, 64].contains(vectorBytes), "vector registers hold 16, 32 or 64 bytes")
    self.vectorBytes = vectorBytes
    self.vectorRegisters = vectorRegisters ?? (vectorBytes == 32 ? 16 : 32)
    self.firstCacheBytes = firstCacheBytes
    self.secondCacheBytes = secondCacheBytes
  }

  /// Elements of one vector register.
  package func lanes(_ element: ContractionElement) -> Int { vectorBytes / element.bytes }
}
