// SPDX-License-Identifier: Apache-2.0
//
// Where random numbers may be drawn: in the inner and in the outer loss, and in what those call.

import TensorIR
import Testing

@Suite("places of random numbers")
struct RandomPlaceTests {
  private static func outcome(update: String, loss: String) -> Outcome {
    elaborated(
      """
      spec places
      params theta { w: [3] ~ ones }
      meta eta: [] ~ ones
      func noise() { return normal([3]) }
      optimizer noisy(rate) { update(g, theta, step) { theta = theta - rate * g + \(update) } }
      inner { minimize sum(theta.w * eta) + \(loss) by noisy(0.1) for 1 }
      outer { minimize sum(theta.w) }
      """)
  }

  @Test(
    "an optimiser cannot draw, not by a function either", arguments: ["normal([3])", "noise()"])
  func inUpdate(_ update: String) {
    let outcome = Self.outcome(update: "leaf_sizes(theta) * sum(\(update))", loss: "0")
    #expect(outcome.errorIDs == ["random.place"], "\(outcome.report)")
    #expect(outcome.errors.contains("'normal' draws random numbers, which only losses can"))
  }

  @Test("the key of a loss is an input if and only if the loss draws")
  func keys() throws {
    let still = try #require(Self.outcome(update: "0", loss: "0").problem)
    #expect((still.innerData + still.outerData).isEmpty)
    let drawn = try #require(Self.outcome(update: "0", loss: "sum(noise())").problem)
    #expect(drawn.innerData.map(\.leaf.name) == ["inner.key"])
    #expect(drawn.innerData.map(\.leaf.type) == [TensorType([2], .i32)])
    #expect(drawn.outerData.isEmpty)
    #expect(drawn.readsStep)
  }

  @Test("a rate of dropout is a number, or has the shape of what it drops")
  func rate() {
    let outcome = Self.outcome(update: "0", loss: "sum(dropout(theta.w, [0.1, 0.2]))")
    #expect(outcome.errorIDs == ["type.kind"], "\(outcome.report)")
    #expect(outcome.errors.contains("the rate must be a number or of the shape [3], got [2]"))
    for rate in ["1", "1.5", "-0.1", "1 / 0"] {
      let outcome = Self.outcome(update: "0", loss: "sum(dropout(theta.w, \(rate)))")
      #expect(outcome.errorIDs == ["type.kind"], "\(outcome.report)")
      #expect(outcome.errors.contains("the rate must be at least 0 and below 1"))
    }
  }
}
