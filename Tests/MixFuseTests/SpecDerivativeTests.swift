// SPDX-License-Identifier: Apache-2.0
//
// Derivatives that a spec asks for, and derivatives of these: against closed forms in compiled
// libraries, and by the oracles of `verify`.

import Diagnostics
import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("derivatives in specs")
struct SpecDerivativeTests {
  /// An expression in `x` that is a multiple of a power of it.
  struct Power: Sendable {
    let expression: String
    let factor: Double
    let exponent: Int

    init(_ expression: String, _ factor: Double, _ exponent: Int) {
      (self.expression, self.factor, self.exponent) = (expression, factor, exponent)
    }

    /// The value of a derivative of so many orders.
    func derivative(_ order: Int, at x: Double) -> Double {
      (0..<order).reduce(factor) { $0 * Double(exponent - $1) } * pow(x, Double(exponent - order))
    }
  }

  static let powers = [
    Power("grad(y -> y ** 5, x)", 5, 4),
    Power("grad(y -> grad(z -> z ** 5, y), x)", 20, 3),
    Power("grad(y -> grad(z -> grad(u -> u ** 6, z), y), x)", 120, 3),
    Power("grad(x -> grad(x -> grad(x -> grad(x -> x ** 7, x), x), x), x)", 840, 3),
    Power("jvp(y -> y ** 5, x, 2)", 10, 4),
    Power("jvp(y -> jvp(z -> z ** 5, y, 1), x, 1)", 20, 3),
    Power("jvp(y -> grad(z -> z ** 5, y), x, 1)", 20, 3),
    Power("grad(y -> jvp(z -> z ** 5, y, 1), x)", 20, 3),
    Power("hvp(y -> y ** 5, x, x)", 20, 4),
    Power("sum(vjp(y -> [y ** 2, y ** 3], x, [x, 1]))", 5, 2),
    // What a function sees counts as well.
    Power("grad(y -> x * y ** 2, x)", 2, 2),
    Power("jvp(y -> x * y ** 2, x, x)", 2, 3),
    Power("grad(y -> grad(z -> x * y * z ** 3, y), x)", 9, 3),
    Power("grad((a, b) -> a * b ** 3, x, x, wrt: 1)", 3, 3),
    Power("both[0] + both[1]", 4, 3),
    Power("pair[0] * pair[1]", 5, 9),
    Power("moved[0] * moved[1]", 5, 9),
    Power("grad(p -> sum(p.a ** 3) * p.b[1], {a: x, b: [1, x]}).a", 3, 3),
    Power("sum(jvp(p -> p.a * p.b, {a: [x, 0], b: x}, {a: [x, x], b: x}))", 3, 2),
    Power("grad(y -> 7, x) + x", 1, 1),
    Power("grad(power4, x)", 4, 3),
    Power("grad(y -> grad(power4, y), x)", 12, 2),
    Power("jvp(y -> grad(power4, y), x, 1)", 12, 2),
    Power("grad(y -> grad(z -> grad(power4, z), y), x)", 24, 1),
    Power("summed", 9, 2),
  ]

  private static func spec(_ expression: String) -> String {
    """
    spec powers
    params theta { x: [] }
    meta m: [] ~ ones
    func power4(y) {
      var z = y
      for i in 3 { z = z * y }
      return z
    }
    func value(x) {
      let both = grad((a, b) -> a * b ** 3, x, x, wrt: [0, 1])
      let pair = value_and_grad(y -> y ** 5, x)
      let moved = value_and_jvp(y -> y ** 5, x, 1)
      var summed = 0
      for i in 3 { summed = summed + grad(y -> y ** 3 * float(i), x) }
      return \(expression)
    }
    inner { minimize m * value(theta.x) by sgd(rate: 0.01) for 1 }
    outer { minimize value(theta.x) }
    """
  }

  @Test(
    "the value of a derivative and its own derivatives are right", arguments: powers.indices,
    Derivation.allCases)
  func closedForms(index: Int, derivation: Derivation) throws {
    let power = Self.powers[index]
    let run = try SpecRunner(Self.spec(power.expression), derivation: derivation)
    let x = 0.7
    func derivative(_ order: Int) -> [Double] { [power.derivative(order, at: x)] }
    let found = try run(.innerGradient, ["theta.x": [x], "m": [1]])
    #expect(agree(found["loss"], derivative(0), 1e-13), "\(power)")
    #expect(agree(found["grad.theta.x"], derivative(1), 1e-13), "\(power)")
    let inputs = ["theta.x": [x], "m": [1], "direction.theta.x": [1]]
    #expect(agree(try run(.hessianVectorProduct, inputs)["hvp.theta.x"], derivative(2), 1e-13))
    // One step: x' = x - 0.01 m v'(x), and the derivative of v(x') by m.
    let next = x - 0.01 * power.derivative(1, at: x)
    let meta = -0.01 * power.derivative(1, at: x) * power.derivative(1, at: next)
    let gradient = try run(.metaGradient, ["theta.x": [x], "m": [1]])["grad"]
    #expect(agree(gradient, [meta], 1e-12), "\(power)")
  }

  @Test("no derivative flows through stop_gradient, of whatever order")
  func stopped() throws {
    let run = try SpecRunner(Self.spec("grad(y -> y ** 2 * stop_gradient(y), x)"))
    let found = try run(.innerGradient, ["theta.x": [3], "m": [1]])
    #expect(found["loss"] == [18])
    #expect(found["grad.theta.x"] == [6])
  }

  /// A network that is to solve an equation with its second derivative, asked for in one of the ways.
  static func network(_ second: String) -> String {
    """
    spec network
    dim n = 4, hidden = 5, steps = 2
    params theta { w: [1, hidden] ~ normal(0, 1)  b: [hidden]  v: [hidden, 1] ~ glorot }
    meta weight: [n, 1] ~ normal(0, 1)
    func u(p: theta, x) { return tanh(x @ p.w + p.b) @ p.v }
    inner(x: [n, 1], f: [n, 1]) {
      let v = x -> u(theta, x)
      let v_x = x -> grad(x -> sum(v(x)), x)
      let v_xx = \(second)
      minimize sum(softmax(weight, axis: 0) * square(v_xx + sin(v(x)) - f)) by adam(rate: 0.1) for steps
    }
    outer(x_val: [n, 1], y: [n, 1]) {
      minimize mean(square(u(theta, x_val) - y))
    }
    """
  }

  static let seconds = [
    "jvp(x -> jvp(v, x, 1), x, 1)", "jvp(v_x, x, 1)", "grad(x -> sum(v_x(x)), x)",
    "hvp(x -> sum(v(x)), x, ones([n, 1]))",
  ]

  @Test("a network's second derivative is the same in whatever way it is asked for")
  func network() throws {
    let gradients = try Self.seconds.map { second in
      try SpecRunner(Self.network(second))(.metaGradient)["grad"]
    }
    let first = try #require(gradients[0])
    #expect(first.contains { abs($0) > 1e-6 })
    for gradient in gradients.dropFirst() {
      let difference = zip(first, try #require(gradient)).map { abs($0 - $1) }.max() ?? .nan
      #expect(difference < 1e-14)
    }
  }

  @Test(
    "verify finds all derivatives of such losses right", arguments: seconds.indices,
    [(DType.f64, Derivation.mixed), (.f64, .standard), (.f32, .mixed)])
  func verified(index: Int, choice: (dtype: DType, derivation: Derivation)) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "network.mix")
      try Data(Self.network(Self.seconds[index]).utf8).write(to: path)
      var options = BuildOptions()
      (options.dtype, options.derivation.derivation) = choice
      let report = try Compilation(path: path.path, options: options).verify()
      #expect(report.verdict == .verified, "\(report.text)")
    }
  }

  @Test(
    "what cannot be differentiated is an error at its place",
    arguments: [
      ("grad(x, x)", "type.kind: f must be a function, got an array []"),
      ("grad(square)", "call.missing: grad needs an argument for the function's arguments"),
      ("grad(y -> [y, y], x)", "type.kind: what y -> ... gives must be a single float, got a list"),
      ("grad(y -> y, 3, wrt: 1)", "shape.position: position 1 is outside of an axis of size 1"),
      ("grad((y, z) -> y, x, x, wrt: [0, 0])", "call.repeated: the argument a position is given"),
      ("grad(y -> y, x, wrt: x)", "type.whole: wrt must be a whole number"),
      ("grad(y -> x, iota(3))", "type.float: expected an array of floats, found an array i32 [3]"),
      (
        "jvp(y -> y, x, [1, 2])", "shape.mismatch: the direction of a derivative must be [], got [1"
      ),
      ("jvp(y -> iota(3), x, 1)", "type.float: expected an array of floats, found"),
      (
        "jvp(p -> p.a, {a: x}, {b: x}).a",
        "shape.mismatch: the direction of a derivative must be {a}"
      ),
      ("grad((y, z) -> y, x)", "call.missing: (y, z) -> ... needs an argument for z"),
      ("grad(power4, x, x)", "call.count: power4 takes at most 1 argument"),
      ("grad(y -> y + nothing, x)", "name.unknown: there is nothing called nothing here"),
    ])
  func errors(expression: String, expected: String) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "powers.mix")
      try Data(Self.spec(expression).utf8).write(to: path)
      let failure = #expect(throws: CompilationFailure.self) {
        try Compilation(path: path.path, options: BuildOptions()).problem()
      }
      let found = failure?.diagnostics.diagnostics.map { "\($0.id): \($0.text)" }
      #expect(found?.count == 1 && found?.first?.hasPrefix(expected) == true, "\(found ?? [])")
    }
  }
}
