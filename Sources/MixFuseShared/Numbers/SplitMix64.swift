// SPDX-License-Identifier: Apache-2.0
//
// Random numbers by a fixed algorithm: the standard library promises none, and what is drawn in
// training or in a test must be the same on every machine and with every compiler.
//
// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.

/// A small random generator of period 2^64.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  @usableFromInline package var state: UInt64

  /// The stream of a seed.
  @inlinable
  package init(seed: UInt64) { state = seed }

  /// A stream of its own for every list of words.
  package init(mixing words: [UInt64]) {
    self.init(seed: 0)
    for word in words { state = next() ^ word }
  }

  @inlinable
  package mutating func next() -> UInt64 {
    defer { state &+= 0x9e37_79b9_7f4a_7c15 }
    return Self.mixed(state)
  }

  /// A number in `0..<bound`; the bias is below bound / 2^64.
  package mutating func next(below bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// A number in [0, 1), a multiple of 2^-53.
  package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A word of which every bit depends on every bit of `word`.
  @inlinable
  package static func mixed(_ word: UInt64) -> UInt64 {
    var bits = word &+ 0x9e37_79b9_7f4a_7c15
    bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
    return bits ^ (bits >> 31)
  }
}
