// SPDX-License-Identifier: Apache-2.0
//
// Differences on functions whose derivatives are known: smooth ones, tiny ones on a large constant,
// kinks at the point and beside it, jumps as of Adam's first step, and rounding.

import Foundation
import Testing

@testable import MixFuse

@Suite("Differences")
struct DifferenceSweepTests {
  /// The derivative of a function at 0.
  private static func measured(
    noise: Double = 0x1p-52, scale: Double = 0, _ function: (Double) -> Double
  ) throws -> FiniteDifference {
    try DifferenceSweep.derivatives(
      of: { $0.map { [[function($0)]] } }, parts: [DifferencePart(noise: noise, scale: scale)])[0]
  }

  private static func error(_ found: FiniteDifference, _ right: Double) -> Double {
    abs(found.derivative[0] - right)
  }

  @Test("a smooth function to ten digits")
  func smooth() throws {
    let found = try Self.measured { exp(tanh($0 + 1)) }
    let right = exp(tanh(1.0)) * (1 - tanh(1.0) * tanh(1.0))
    #expect(Self.error(found, right) < 1e-10)
    #expect(found.uncertainty < 1e-7 && found.uncertainty > Self.error(found, right))
    #expect(!found.isKink)
  }

  @Test("a slope below the rounding of small steps")
  func tinySlope() throws {
    let found = try Self.measured { 1 + 1e-7 * $0 }
    #expect(Self.error(found, 1e-7) <= found.uncertainty)
    #expect(found.uncertainty < 1e-12)
  }

  @Test("a constant with noise is zero to within its noise")
  func constant() throws {
    var generator = SystemRandomNumberGenerator()
    let found = try Self.measured(noise: 1e-12) { _ in
      1 + Double.random(in: -1e-12...1e-12, using: &generator)
    }
    #expect(Self.error(found, 0) < found.uncertainty && found.uncertainty < 1e-8)
  }

  @Test("a kink at the point is known as one, also beside a large smooth part")
  func kink() throws {
    for function: (Double) -> Double in [{ abs($0) }, { max($0, 0) }, { 5 * exp($0) + abs($0) }] {
      let found = try Self.measured(function)
      #expect(found.isKink && found.uncertainty > 0.4)
    }
  }

  @Test("a kink near the point is stepped inside of", arguments: [1e-2, 1e-4, 1e-6])
  func nearKink(_ distance: Double) throws {
    let found = try Self.measured { max($0 - distance, 0) + $0 * $0 }
    #expect(Self.error(found, 0) <= 10 * found.uncertainty && found.uncertainty < 1e-5)
    #expect(!found.isKink)
  }

  @Test("a sign that flips within 1e-7, as in Adam's first step")
  func steep() throws {
    let found = try Self.measured { tanh($0 / 1e-7 + 0.3) }
    let right = 1e7 * (1 - tanh(0.3) * tanh(0.3))
    #expect(Self.error(found, right) <= 10 * found.uncertainty)
    #expect(found.uncertainty < 1e-3 * right)
  }

  @Test("no number, no decision")
  func undefined() throws {
    #expect(try Self.measured { _ in .nan }.uncertainty == .infinity)
    #expect(try Self.measured { $0 < 0 ? .nan : $0 }.uncertainty == .infinity)
  }
}
