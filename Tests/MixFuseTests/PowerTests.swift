// SPDX-License-Identifier: Apache-2.0
//
// a ** b with all derivatives of first and second order on a grid of special points, and as part of
// an inner optimisation by both derivations.

import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("Powers")
struct PowerTests {
  /// The derivatives of a ** b by a, by b, twice by a, by both, twice by b.
  private struct Derivatives {
    var (value, a, b, aa, ab, bb) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
  }

  private static let exponents = [0, 0.5, 1, 2, 3, -1]
  private static let points = [0, 1, 2, 0x1p-20].flatMap { a in exponents.map { (a: a, b: $0) } }
    .filter { $0.a != 0 || $0.b >= 0 }

  /// From the formulas, for a > 0; at a = 0 what LANGUAGE.md says.
  private static func expected(_ a: Double, _ b: Double) -> Derivatives {
    var result = Derivatives()
    result.value = pow(a, b)
    if a == 0 {
      // Only these are not 0, and finite.
      if b == 1 { result.a = 1 }
      if b == 2 { result.aa = 2 }
    } else {
      result.a = b * pow(a, b - 1)
      result.b = log(a) * pow(a, b)
      result.aa = b * (b - 1) * pow(a, b - 2)
      result.ab = pow(a, b - 1) * (1 + b * log(a))
      result.bb = log(a) * log(a) * pow(a, b)
    }
    return result
  }

  private func check(
    _ found: [Double]?, _ dtype: DType, _ what: KeyPath<Derivatives, Double>,
    sign: Double = 1
  ) throws {
    let found = try #require(found)
    for (point, found) in zip(Self.points, found) {
      let right = sign * Self.expected(point.a, point.b)[keyPath: what]
      // 1 + b log(a) may cancel, but not below this.
      let tolerance = (dtype == .f32 ? 1e-5 : 1e-13) * max(abs(right), 1)
      #expect(abs(found - right) <= tolerance, "\(what) at \(point): \(found), not \(right)")
    }
  }

  @Test("have all first and second derivatives", arguments: [DType.f64, .f32])
  func derivatives(_ dtype: DType) throws {
    let count = Self.points.count
    let run = try SpecRunner(
      """
      spec powers
      params theta { a: [\(count)]  b: [\(count)] }
      meta m: [] ~ ones
      inner { minimize m * sum(theta.a ** theta.b) by sgd(rate: 1) for 1 }
      outer { minimize sum(theta.a) + sum(theta.b) }
      """, dtype: dtype)
    let zeros = [Double](repeating: 0, count: count)
    let ones = [Double](repeating: 1, count: count)
    var inputs: [String: [Double]] = [
      "theta.a": Self.points.map(\.a), "theta.b": Self.points.map(\.b), "m": [1],
    ]
    let gradient = try run(.innerGradient, inputs)
    try check(gradient["grad.theta.a"], dtype, \.a)
    try check(gradient["grad.theta.b"], dtype, \.b)
    inputs["direction.theta.a"] = ones
    inputs["direction.theta.b"] = zeros
    let alongBase = try run(.hessianVectorProduct, inputs)
    try check(alongBase["hvp.theta.a"], dtype, \.aa)
    try check(alongBase["hvp.theta.b"], dtype, \.ab)
    inputs["direction.theta.a"] = zeros
    inputs["direction.theta.b"] = ones
    let alongExponent = try run(.hessianVectorProduct, inputs)
    try check(alongExponent["hvp.theta.a"], dtype, \.ab)
    try check(alongExponent["hvp.theta.b"], dtype, \.bb)
  }

  @Test(
    "have the mixed derivative in a meta-gradient, whichever of the two is learned",
    arguments: Derivation.allCases, ["a", "b"])
  func mixedDerivative(_ derivation: Derivation, _ inner: String) throws {
    let count = Self.points.count
    let meta = inner == "a" ? "b" : "a"
    let power = inner == "a" ? "theta.a ** b" : "a ** theta.b"
    let run = try SpecRunner(
      """
      spec powers
      params theta { \(inner): [\(count)] }
      meta \(meta): [\(count)]
      inner { minimize sum(\(power)) by sgd(rate: 1) for 1 }
      outer { minimize sum(theta.\(inner)) }
      """, derivation: derivation)
    let values = ["a": Self.points.map(\.a), "b": Self.points.map(\.b)]
    let outputs = try run(
      .metaGradient, ["theta.\(inner)": values[inner] ?? [], meta: values[meta] ?? []])
    try check(outputs["grad"] ?? outputs["grad.\(meta)"], .f64, \.ab, sign: -1)
  }

  @Test("of negative numbers have derivatives by the base for whole exponents, else NaN")
  func negativeBases() throws {
    let run = try SpecRunner(
      """
      spec powers
      params theta { a: [4] }
      meta m: [] ~ ones
      inner(b: [4]) { minimize m * sum(theta.a ** b) by sgd(rate: 1) for 1 }
      outer { minimize sum(theta.a) }
      """)
    let inputs: [String: [Double]] = [
      "theta.a": [-2, -2, -2, -2], "b": [2, 3, -1, 0.5], "m": [1],
      "direction.theta.a": [1, 1, 1, 1],
    ]
    let gradient = try run(.innerGradient, inputs)["grad.theta.a"]
    #expect(agree(gradient, [-4, 12, -0.25, .nan], 1e-14))
    let product = try run(.hessianVectorProduct, inputs)["hvp.theta.a"]
    #expect(agree(product, [2, -12, -0.25, .nan], 1e-14))
  }

  @Test("with the exponent 0 are learned by both derivations", arguments: Derivation.allCases)
  func exponentOfZero(_ derivation: Derivation) throws {
    let run = try SpecRunner(
      """
      spec power_exponent
      params theta { a: [4] ~ constant(2) }
      meta p: [] ~ zeros
      inner { minimize sum(theta.a ** p) by sgd(rate: 0.1) for 3 }
      outer { minimize sum(square(theta.a - 0.3)) }
      """, derivation: derivation)
    let outputs = try run(.metaGradient)
    // JAX 0.10.2 in f64.
    #expect(agree(outputs["loss"], [11.559999999999999], 1e-14))
    #expect(agree(outputs["grad"], [-2.04], 1e-14))
  }
}
