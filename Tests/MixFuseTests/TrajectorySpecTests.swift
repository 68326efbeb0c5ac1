// SPDX-License-Identifier: Apache-2.0
//
// What losses may read of the inner trajectory: the parameters after each step in `outer`, the number
// of the step in `inner`. Against the trajectory by hand.

import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("the trajectory in losses")
struct TrajectorySpecTests {
  /// theta goes from 1 by `theta - rate * step * curvature * theta`.
  private static func spec(_ outer: String, inner: String = "", theta: String = "") -> String {
    """
    spec trajectory
    dim steps = 4
    params theta { x: [] ~ ones \(theta) }
    meta rate: [] ~ constant(0.1)
    meta w: [steps] ~ ones
    inner {
      minimize float(step) * square(theta.x) / 2 \(inner)
      by sgd(rate: rate) for steps
    }
    outer { \(outer) }
    """
  }

  /// theta after each step, and its derivative by the rate, by hand.
  private static func trajectory(_ rate: Double) -> [(x: Double, tangent: Double)] {
    var (x, tangent) = (1.0, 0.0)
    return (1...4).map { step in
      tangent = tangent * (1 - rate * Double(step)) - Double(step) * x
      x *= 1 - rate * Double(step)
      return (x, tangent)
    }
  }

  @Test(
    "theta after every step, one by one and in a loop, in both derivations",
    arguments: [
      "minimize w[0] * inner.theta[0].x + w[1] * inner.theta[1].x + w[2] * inner.theta[2].x"
        + " + w[3] * inner.theta[-1].x",
      "var s = 0 for (p, v) in (inner.theta, w) { s = s + v * p.x } minimize s",
      "minimize sum(w * inner.theta.x)",
      "minimize sum(w[:3] * inner.theta[:3].x) + w[3] * theta.x",
    ], Derivation.allCases)
  func everyStep(outer: String, derivation: Derivation) throws {
    let run = try SpecRunner(Self.spec(outer), derivation: derivation)
    let w = [0.5, -1, 2, 3]
    let found = try run(.metaGradient, ["rate": [0.1], "w": w, "theta.x": [1]])
    let right = Self.trajectory(0.1)
    let loss = zip(w, right).reduce(0) { $0 + $1.0 * $1.1.x }
    let tangent = zip(w, right).reduce(0) { $0 + $1.0 * $1.1.tangent }
    #expect(agree(found["loss"], [loss], 1e-13))
    #expect(agree(found["grad.rate"], [tangent], 1e-13))
    #expect(agree(found["grad.w"], right.map(\.x), 1e-13))
  }

  @Test("the step is an input of the inner loss, from 1, where that reads it")
  func stepInput() throws {
    let run = try SpecRunner(Self.spec("minimize sum(w * inner.theta.x)"))
    let found = try run(.innerGradient, ["theta.x": [3], "step": [2]])
    #expect(found["loss"] == [9])
    #expect(found["grad.theta.x"] == [6])
    #expect(
      try run(.hessianVectorProduct, ["direction.theta.x": [5], "step": [4]]).values.first == [20])
    #expect(throws: (any Error).self) { try run(.innerGradient, ["step": [5]]) }
    #expect(throws: (any Error).self) { try run(.innerLoss, ["step": [0]]) }
  }

  @Test("the outer loss as an entry point takes the trajectory as an input")
  func outerInput() throws {
    let run = try SpecRunner(Self.spec("minimize sum(w * inner.theta.x) + theta.x"))
    let found = try run(
      .outerLossGradient, ["theta.x": [3], "inner.theta.x": [1, 2, 3, 4], "w": [1, 1, 1, 2]])
    #expect(found["loss"] == [17])
    #expect(found["grad.w"] == [1, 2, 3, 4])
    #expect(found["grad.theta.x"] == [1])
  }

  @Test("names of the spec come first, and positions by the step are checked")
  func names() throws {
    // A constant that is called so is what it was.
    let shadowed = Self.spec("minimize theta.x").replacing(
      "dim steps", with: "let step = 7 dim steps")
    #expect(try SpecRunner(shadowed)(.innerLoss, ["theta.x": [2]])["loss"] == [14])
    #expect(throws: CompilationFailure.self) {
      try SpecRunner(Self.spec("minimize theta.x", inner: "* w[step]"))
    }
    _ = try SpecRunner(Self.spec("minimize theta.x", inner: "* w[step - 1]"))
  }
}
