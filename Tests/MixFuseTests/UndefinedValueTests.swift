// SPDX-License-Identifier: Apache-2.0
//
// What infinities and undefined values do: a class ruled out by a logit of -inf is no harm, poles at
// which the value is finite are none either, and NaN spreads from an inner loss to everything that
// was learned with it.

import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("Infinities and NaN")
struct UndefinedValueTests {
  @Test(
    "an inner loss of NaN makes everything NaN",
    arguments: [
      "sqrt(theta.a)", "rsqrt(theta.a)", "log(theta.a)", "log1p(2 * theta.a)", "theta.a ** 0.5",
      "theta.a ** -0.5", "theta.a ** (0.5 * m)", "theta.a ** 1.3", "square(sqrt(theta.a))",
      "exp(log(theta.a))", "maximum(theta.a, sqrt(theta.a))", "minimum(theta.a, log(theta.a))",
      "max(sqrt(theta.a)) + 0 * theta.a", "logsumexp(log(theta.a)) * theta.a",
      "theta.a * sqrt(x)", "maximum(theta.a, sqrt(x))",
    ],
    Derivation.allCases)
  func spreads(_ function: String, _ derivation: Derivation) throws {
    let run = try SpecRunner(
      """
      spec undefined
      params theta { a: [2] ~ constant(-1) }
      meta m: [] ~ ones
      inner(x: [2] ~ constant(-1)) { minimize m * sum(\(function)) by sgd(rate: 0.1) for 1 }
      outer { minimize sum(square(theta.a)) }
      """, derivation: derivation)
    for (name, values) in try run(.metaGradient) {
      let isUndefined = values.allSatisfy(\.isNaN)
      #expect(isUndefined, "\(name) is \(values)")
    }
    let product = try run(
      .hessianVectorProduct, ["theta.a": [-1, -1], "direction.theta.a": [1, 1]])["hvp.theta.a"]
    #expect(product?.contains { $0.isFinite && $0 != 0 } == false)
  }

  // MARK: Logits

  private static let logits: [Double] = [-.infinity, 0, 1, 2]

  @Test("a class may be ruled out by a logit of -inf", arguments: [DType.f64, .f32])
  func maskedClass(_ dtype: DType) throws {
    let run = try SpecRunner(
      """
      spec masked
      params theta { z: [4] }
      meta m: [] ~ ones
      inner(y: i32 [1] ~ integers(2, 3)) {
        minimize m * sum(cross_entropy(reshape(theta.z, [1, 4]), y)) by sgd(rate: 0.1) for 1
      }
      outer { minimize sum(square(theta.z[1:])) }
      """, dtype: dtype)
    let inputs: [String: [Double]] = [
      "theta.z": Self.logits, "m": [1], "direction.theta.z": [0, 1, 0, 0],
    ]
    let exponentials = Self.logits.map { Foundation.exp($0) }
    let total = exponentials.reduce(0, +)
    let p = exponentials.map { $0 / total }
    let tolerance = dtype == .f32 ? 1e-6 : 1e-14
    // optax 0.2.8: 1.4076059644443804.
    let gradient = try run(.innerGradient, inputs)
    #expect(agree(gradient["loss"], [1.4076059644443804], tolerance))
    #expect(agree(gradient["grad.theta.z"], [0, p[1], p[2] - 1, p[3]], tolerance))
    let product = try run(.hessianVectorProduct, inputs)["hvp.theta.z"]
    let expected: [Double] = [0, p[1] * (1 - p[1]), -p[1] * p[2], -p[1] * p[3]]
    #expect(agree(product, expected, 4 * tolerance), "\(product ?? [])")
    let meta = try run(.metaGradient, inputs)
    #expect(meta["loss"]?[0].isFinite == true && meta["grad"]?[0].isFinite == true)
  }

  @Test("the label's class ruled out is an infinite loss, and a mean of such is not NaN")
  func maskedLabel() throws {
    let run = try SpecRunner(
      """
      spec masked
      params theta { z: [2, 4] }
      meta m: [] ~ ones
      inner(y: i32 [2] ~ integers(0, 1)) {
        minimize m * mean(cross_entropy(theta.z, y)) by sgd(rate: 0.1) for 1
      }
      outer { minimize sum(theta.z) }
      """)
    let logits: [Double] = Self.logits + [0, 0, 0, 0]
    let loss = try run(.innerLoss, ["theta.z": logits, "m": [1]])["loss"]
    #expect(loss == [.infinity])
  }

  @Test("the same for logits that are never stored, whole tiles of them", arguments: [5, 67, 1100])
  func maskedRows(_ vocabulary: Int) throws {
    let run = try SpecRunner(
      """
      spec masked
      params theta { t: [\(vocabulary), 2] }
      meta m: [] ~ ones
      inner(x: [3, 2], y: i32 [3] ~ integers(\(vocabulary - 2), \(vocabulary - 1))) {
        minimize m * mean(linear_cross_entropy(x, theta.t, y)) by sgd(rate: 0.1) for 1
      }
      outer { minimize sum(theta.t) }
      """)
    // Logits -inf but for the last three: 0, 1, 2; the label's is 1.
    var table: [Double] = Array(repeating: [-Double.infinity, 0], count: vocabulary).flatMap(\.self)
    for place in 0..<3 { table[2 * (vocabulary - 3 + place)] = Double(place) }
    let x: [Double] = [1, 0, 1, 0, 1, 0]
    let loss = try run(.innerLoss, ["theta.t": table, "x": x, "m": [1]])["loss"]
    #expect(agree(loss, [1.4076059644443804], 1e-14), "\(loss ?? [])")
  }

  @Test("log-sum-exp of infinities is infinite", arguments: [DType.f64, .f32])
  func logSumExp(_ dtype: DType) throws {
    let infinity = Double.infinity
    let rows: [(z: [Double], value: Double)] = [
      ([-infinity, -infinity, -infinity], -infinity), ([infinity, 0, -infinity], infinity),
      ([infinity, infinity, 0], infinity), ([-infinity, 0, -infinity], 0),
      ([.nan, 0, infinity], .nan), ([1000, 1000, -infinity], 1000 + log(2)),
      ([-1000, -1000, -1000], -1000 + log(3)),
    ]
    let run = try SpecRunner(
      """
      spec log_sum_exp
      params theta { z: [\(rows.count), 3]  y: [\(rows.count)] }
      meta m: [] ~ ones
      optimizer value() {
        update(g, theta, step) { theta = {z: theta.z, y: logsumexp(theta.z)} }
      }
      inner { minimize m * (sum(logsumexp(theta.z[3:4])) + sum(theta.y)) by value() for 1 }
      outer { minimize sum(theta.y) }
      """, dtype: dtype)
    let inputs: [String: [Double]] = ["theta.z": rows.flatMap(\.z), "m": [1]]
    let values = try run(.innerStep, inputs)["next.theta.y"]
    #expect(agree(values, rows.map(\.value), dtype == .f32 ? 1e-6 : 1e-15), "\(values ?? [])")
    let gradient = try run(.innerGradient, inputs)["grad.theta.z"]
    #expect(gradient?[9..<12] == [0, 1, 0])
  }

  // MARK: Poles with finite values

  @Test("norms and normalisations of zeros have finite derivatives", arguments: Derivation.allCases)
  func zeros(_ derivation: Derivation) throws {
    let run = try SpecRunner(
      """
      spec zeros
      params theta { a: [3] ~ zeros  b: [2, 4] ~ zeros }
      meta m: [] ~ ones
      meta g: [4] ~ ones
      inner {
        minimize m * (sum(square(theta.a)) + global_norm(theta) + square(global_norm(theta))
          + sum(rms_norm(theta.b, g)) + sum(layer_norm(theta.b, g)) + sum(clip_by_norm(theta, 1).a))
        by adam(rate: 0.1 * m, clip: 0.5) for 3
      }
      outer { minimize sum(square(theta.a)) + sum(square(theta.b)) }
      """, derivation: derivation)
    for (name, values) in try run(.metaGradient) {
      let isFinite = values.allSatisfy(\.isFinite)
      #expect(isFinite, "\(name) is \(values)")
    }
  }

  @Test(
    "a rate kept positive by softplus learns from a raw value of 0", arguments: [DType.f64, .f32])
  func softplusRate(_ dtype: DType) throws {
    let run = try SpecRunner(
      """
      spec softplus_rate
      params theta { w: [3] ~ constant(2.1602468994692867) }
      meta raw: [] ~ zeros
      inner { minimize 0.1 * sum(square(theta.w)) by sgd(rate: softplus(raw)) for 3 }
      outer { minimize sum(square(theta.w)) }
      """, dtype: dtype)
    let outputs = try run(.metaGradient)
    // By hand: w_T = w (1 - 0.2 r)^3 with r = log(2), and softplus has the slope 1/2 at 0.
    let factor = 1 - 0.2 * log(2)
    let tolerance = dtype == .f32 ? 1e-6 : 1e-14
    #expect(agree(outputs["loss"], [14 * pow(factor, 6)], tolerance))
    #expect(agree(outputs["grad"], [14 * 6 * pow(factor, 5) * -0.2 * 0.5], tolerance))
  }

  @Test("logistic regression learns from a start of zeros")
  func logisticRegression() throws {
    let run = try SpecRunner(
      """
      spec bce_zero
      params theta { z: [3] ~ zeros }
      meta m: [] ~ ones
      inner(y: [3] ~ zeros) {
        minimize m * sum(binary_cross_entropy(theta.z, y)) by sgd(rate: 1) for 1
      }
      outer { minimize sum(theta.z) }
      """)
    let inputs = [
      "theta.z": [0, 0, 0], "m": [1], "y": [0, 1, 0.25], "direction.theta.z": [1, 2, 3],
    ]
    #expect(try run(.innerGradient, inputs)["grad.theta.z"] == [0.5, -0.5, 0.25])
    #expect(try run(.hessianVectorProduct, inputs)["hvp.theta.z"] == [0.25, 0.5, 0.75])
  }
}
