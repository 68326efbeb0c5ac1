// SPDX-License-Identifier: Apache-2.0
//
// Long entry points are cut into functions of their own; a position that is computed on the way is
// checked in whichever of them it is used.

import Differentiation
import MixFuseRuntime
import Testing

@Suite("Positions in long programs")
struct CheckedPartsTests {
  /// A chain of products with a row looked up in each: far more calls than one function makes.
  private static func spec(first: Int) -> String {
    let chain = (0..<70).map { _ in "  v = tanh(v @ theta.u) + take(v, i + 1)[0]" }
    return """
      spec parts
      params theta { u: [4, 4] ~ glorot }
      meta m: [] ~ ones
      inner(i: i32 [2] ~ integers(\(first), \(first + 1))) {
        var v = theta.u
      \(chain.joined(separator: "\n"))
        minimize m * sum(v) by sgd(rate: 0.1) for 1
      }
      outer { minimize sum(theta.u) }
      """
  }

  @Test("a position in range is taken, one out of range ends the call")
  func positions() throws {
    let inRange = try SpecRunner(Self.spec(first: 0))(.innerGradient)
    #expect(inRange["loss"]?.allSatisfy(\.isFinite) == true)
    let outOfRange = try SpecRunner(Self.spec(first: 7))
    #expect(throws: RuntimeError.self) { try outOfRange(.innerGradient) }
  }
}
