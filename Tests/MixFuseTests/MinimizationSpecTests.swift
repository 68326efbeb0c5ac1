// SPDX-License-Identifier: Apache-2.0
//
// Inner optimisations as expressions: against closed forms, against the same steps written as the
// problem's `inner`, and by the oracles of `verify`.

import Diagnostics
import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("minimize as an expression")
struct MinimizationSpecTests {
  private static func spec(_ loss: String) -> String {
    """
    spec adapted
    params theta { x: [] ~ ones }
    meta a: [] ~ ones
    inner { minimize (\(loss)) by sgd(rate: 0.5) for 1 }
    outer { minimize theta.x }
    """
  }

  /// Losses in `theta.x` and `a`, and what they are. A step on `a q^2 / 2` of rate r takes q to
  /// `(1 - a r) q`.
  private static let losses: [(text: String, value: @Sendable (Double, Double) -> Double)] = [
    (
      "minimize a * q ** 2 / 2 over q = theta.x by sgd(rate: 0.1) for 3",
      { $0 * pow(1 - 0.1 * $1, 3) }
    ),
    (
      "(minimize a * p.q ** 2 / 2 over p = {q: theta.x, r: 1} by sgd(rate: 0.1) for 2).q",
      { $0 * pow(1 - 0.1 * $1, 2) }
    ),
    // The step is the optimisation's own; the loss and the rate may depend on it and on what is outside.
    (
      "minimize float(step) * a * q ** 2 / 2 over q = theta.x by sgd(rate: theta.x * 0.1) for 2",
      { $0 * (1 - 0.1 * $0 * $1) * (1 - 0.2 * $0 * $1) }
    ),
    // One inside of the other: the inner one goes from q to q (1 - a / 10).
    (
      "minimize (minimize a * p ** 2 / 2 over p = q by sgd(0.1) for 1) ** 2 / 2 over q = theta.x"
        + " by sgd(rate: 0.2) for 2",
      { $0 * pow(1 - 0.2 * pow(1 - 0.1 * $1, 2), 2) }
    ),
    (
      "minimize a * q ** 2 / 2 over q = theta.x by momentum(rate: 0.1, decay: 0.5) for 2",
      { x, a in
        let first = x - 0.1 * a * x
        return first - 0.1 * (0.5 * a * x + a * first)
      }
    ),
  ]

  @Test("its value and derivatives are right", arguments: losses.indices, Derivation.allCases)
  func closedForms(index: Int, derivation: Derivation) throws {
    let (text, value) = Self.losses[index]
    let run = try SpecRunner(Self.spec(text), derivation: derivation)
    let (x, a) = (0.7, 1.3)
    func slope(_ function: (Double) -> Double) -> Double {
      let h = 1e-3
      return (8 * (function(h) - function(-h)) - (function(2 * h) - function(-2 * h))) / (12 * h)
    }
    let inputs = ["theta.x": [x], "a": [a], "direction.theta.x": [1.0]]
    let found = try run(.innerGradient, inputs)
    #expect(agree(found["loss"], [value(x, a)], 1e-13))
    #expect(agree(found["grad.theta.x"], [slope { value(x + $0, a) }], 1e-8))
    let curvature = slope { h in slope { value(x + h + $0, a) } }
    let product = try #require(try run(.hessianVectorProduct, inputs)["hvp.theta.x"]?.first)
    #expect(abs(product - curvature) < 1e-7)
    // One step of the spec's own: theta.x - slope / 2, by a.
    let mixed = -0.5 * slope { h in slope { value(x + $0, a + h) } }
    let gradient = try #require(try run(.metaGradient, inputs)["grad"]?.first)
    #expect(abs(gradient - mixed) < 1e-7)
  }

  /// MAML twice: with the adaptation as the problem's own and as an expression in the outer loss.
  private static func maml(asExpression: Bool) -> String {
    let loss = "mean_squared_error(predict(theta, x), y)"
    let rule = "by adam(rate: exp(rate)) for steps"
    return """
      spec maml
      dim n = 3, hidden = 4, steps = 3
      params theta { w: [1, hidden] ~ he  b: [hidden]  v: [hidden, 1] ~ glorot }
      meta eta = theta.initial
      meta rate: [] ~ constant(-3)
      func predict(p: theta, x: [n, 1]) { return tanh(x @ p.w + p.b) @ p.v }
      inner(x: [n, 1], y: [n, 1]) {
        \(asExpression ? "minimize 0 * sum(theta.w) by sgd(rate: 0) for 1" : "minimize \(loss) \(rule)")
      }
      outer(x_val: [n, 1], y_val: [n, 1], \(asExpression ? "u: [n, 1], v: [n, 1]" : "")) {
        let adapted = \(asExpression
          ? "minimize mean_squared_error(predict(q, u), v) over q = eta \(rule)" : "theta")
        minimize mean_squared_error(predict(adapted, x_val), y_val)
      }
      """
  }

  @Test("is the optimisation that the problem's own is", arguments: Derivation.allCases)
  func sameAsInner(derivation: Derivation) throws {
    let own = try SpecRunner(Self.maml(asExpression: false), derivation: derivation)
    let inputs = try own.drawn(.metaGradient)
    let right = try own(.metaGradient)
    let expression = try SpecRunner(Self.maml(asExpression: true), derivation: derivation)
    var renamed = inputs
    (renamed["u"], renamed["v"]) = (inputs["x"], inputs["y"])
    let found = try expression(.metaGradient, renamed)
    #expect(Set(found.keys) == Set(right.keys))
    for (name, array) in right { #expect(agree(found[name], array, 1e-9), "\(name)") }
  }

  @Test("verify finds its derivatives right", arguments: [DType.f64, .f32], Derivation.allCases)
  func verified(dtype: DType, derivation: Derivation) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "maml.mix")
      try Data(Self.maml(asExpression: true).utf8).write(to: path)
      var options = BuildOptions()
      options.dtype = dtype
      options.derivation.derivation = derivation
      let report = try Compilation(path: path.path, options: options).verify()
      #expect(report.verdict == .verified, "\(report.text)")
    }
  }

  @Test(
    "what it cannot do is an error at its place",
    arguments: [
      ("minimize q over q = theta.x by sgf(rate: 0.1) for 3", "name.optimizer"),
      ("minimize q over q = theta.x by sgd(rate: 0.1) for 0", "type.kind"),
      ("minimize [q, q] over q = theta.x by sgd(rate: 0.1) for 2", "shape.loss"),
      ("minimize q over q = (theta.x, a) by sgd(rate: 0.1) for 2", "type.kind"),
      ("minimize q over q = iota(3) by sgd(rate: 0.1) for 2", "type.float"),
      ("minimize q over q = theta.x by sgd(rate: [1, 2]) for 2", "type.tree"),
      ("minimize r over q = theta.x by sgd(rate: 0.1) for 2", "name.unknown"),
      ("minimize q by sgd(rate: 0.1) for 2", "syntax.expected"),
    ])
  func errors(text: String, id: String) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "adapted.mix")
      try Data(Self.spec("(\(text))").utf8).write(to: path)
      let failure = #expect(throws: CompilationFailure.self) {
        try Compilation(path: path.path, options: BuildOptions()).problem()
      }
      #expect(failure?.diagnostics.diagnostics.map(\.id) == [id])
    }
  }
}
