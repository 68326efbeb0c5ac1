// SPDX-License-Identifier: Apache-2.0
//
// Random bits as a function of a key and a counter, the one that `jax.random` is made of: what a spec
// draws can be drawn again in Python, bit for bit.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011:
// Threefry-2x32 with 20 rounds.

/// The counter-based generator Threefry-2x32-20.
package enum Threefry {
  /// Two words.
  package typealias Words = (UInt32, UInt32)

  /// The block of random bits that belongs to a key and a counter.
  package static func block(key: Words, counter: Words) -> Words {
    let keys = [key.0, key.1, key.0 ^ key.1 ^ 0x1bd1_1bda]
    var (first, second) = (counter.0 &+ keys[0], counter.1 &+ keys[1])
    for group in 0..<5 {
      for rotation in rotations[group % 2] {
        first = first &+ second
        second = (second << rotation | second >> (32 - rotation)) ^ first
      }
      first = first &+ keys[(group + 1) % 3]
      second = second &+ keys[(group + 2) % 3] &+ UInt32(group + 1)
    }
    return (first, second)
  }

  /// The key of part `number` of what a key stands for: `jax.random.fold_in`.
  package static func folded(_ key: Words, _ number: UInt32) -> Words {
    block(key: key, counter: (0, number))
  }

  private static let rotations: [[UInt32]] = [[13, 15, 26, 6], [17, 29, 16, 24]]
}
