// SPDX-License-Identifier: Apache-2.0
//
// The random numbers of tests: a function of the seed, the same on every machine.

import MixFuseShared

/// `SplitMix64` with the choices that random programs and specs are made by.
package struct SeededGenerator: RandomNumberGenerator {
  private var words: SplitMix64

  package init(seed: UInt64) { words = SplitMix64(seed: seed) }

  package mutating func next() -> UInt64 { words.next() }

  /// One of the elements.
  package mutating func choose<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: 0..<elements.count, using: &self)]
  }

  /// True with the given probability.
  package mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &self) < probability
  }

  /// Axes of an array: each with probability 1/2, increasing.
  package mutating func someAxes(of rank: Int) -> [Int] {
    (0..<rank).filter { _ in chance(0.5) }
  }
}
