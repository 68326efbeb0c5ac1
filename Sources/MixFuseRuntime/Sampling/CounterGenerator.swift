// SPDX-License-Identifier: Apache-2.0
//
// Random numbers by position: the n-th number of a stream is a function of (seed, stream, n) alone.
// So an array's values do not depend on which arrays were drawn before it, nor on the machine.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011:
// Philox4x32 with 10 rounds.

/// A counter-based random generator: Philox4x32-10.
struct CounterGenerator {
  private let key: SIMD2<UInt32>
  private let stream: UInt64

  /// The generator of the stream called `name` under a seed.
  init(seed: UInt64, name: String) {
    key = [UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)]
    stream = fingerprint(of: name)
  }

  /// Two random 64-bit words.
  func words(at position: UInt64) -> (UInt64, UInt64) {
    let counter: SIMD4<UInt32> = [
      UInt32(truncatingIfNeeded: position), UInt32(truncatingIfNeeded: position >> 32),
      UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32),
    ]
    let block = Self.philox(counter, key: key)
    return (UInt64(block[1]) << 32 | UInt64(block[0]), UInt64(block[3]) << 32 | UInt64(block[2]))
  }

  /// A number in [0, 1), a multiple of 2^-53.
  func uniform(at position: UInt64) -> Double {
    Double(words(at: position).0 >> 11) * 0x1p-53
  }

  /// Ten rounds of Philox.
  static func philox(_ input: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var (block, roundKey) = (input, key)
    for _ in 0..<10 {
      let first = UInt64(block[0]) * 0xd251_1f53
      let second = UInt64(block[2]) * 0xcd9e_8d57
      block = [
        UInt32(truncatingIfNeeded: second >> 32) ^ block[1] ^ roundKey[0],
        UInt32(truncatingIfNeeded: second),
        UInt32(truncatingIfNeeded: first >> 32) ^ block[3] ^ roundKey[1],
        UInt32(truncatingIfNeeded: first),
      ]
      roundKey = roundKey &+ [0x9e37_79b9, 0xbb67_ae85]
    }
    return block
  }
}
