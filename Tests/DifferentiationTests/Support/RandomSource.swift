// SPDX-License-Identifier: Apache-2.0
//
// Deterministic random numbers and arrays for the tests.

import Interpreter
import MixFuseShared
import TensorIR

/// Where the elements of a test operand are drawn from. Domains keep clear of kinks and poles by
/// far more than a finite-difference step.
enum Domain {
  /// -2 ... 2.
  case real
  /// 0.5 ... 2.
  case positive
  /// 0.25 ... 2 with either sign.
  case nonzero
  /// -2 ... 2, at least 0.25 away from any integer.
  case betweenIntegers
  /// Distinct values, at least 0.2 apart, in random order.
  case distinct
  /// Integers in `0..<count`.
  case indices(count: Int)
}

/// A stream of random numbers.
struct RandomSource {
  private var words: SplitMix64

  init(seed: UInt64) { words = SplitMix64(seed: seed) }

  /// Uniform in `0..<1`.
  mutating func uniform() -> Double { words.uniform() }

  /// An integer in `0..<bound`.
  mutating func integer(below bound: Int) -> Int { Int(uniform() * Double(bound)) }

  /// An array of the given type.
  mutating func array(_ type: TensorType, in domain: Domain = .real) -> NumericArray {
    let count = type.elementCount
    switch domain {
    case .real: return NumericArray(type, (0..<count).map { _ in uniform() * 4 - 2 })
    case .positive: return NumericArray(type, (0..<count).map { _ in uniform() * 1.5 + 0.5 })
    case .nonzero:
      let elements = (0..<count).map { _ in
        let magnitude = uniform() * 1.75 + 0.25
        return uniform() < 0.5 ? magnitude : -magnitude
      }
      return NumericArray(type, elements)
    case .betweenIntegers:
      let elements = (0..<count).map { _ in
        Double(integer(below: 4) - 2) + 0.25 + 0.5 * uniform()
      }
      return NumericArray(type, elements)
    case .distinct:
      var elements = (0..<count).map { 0.2 * Double($0) - 0.1 * Double(count) + 0.05 }
      for index in elements.indices { elements.swapAt(index, integer(below: count)) }
      return NumericArray(type, elements)
    case .indices(let bound):
      return NumericArray(type, (0..<count).map { _ in Double(integer(below: bound)) })
    }
  }
}
