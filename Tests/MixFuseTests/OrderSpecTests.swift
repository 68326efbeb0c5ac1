// SPDX-License-Identifier: Apache-2.0
//
// Sorting, segments, products and their relatives in a spec, through all derivative orders: by the
// oracles of `verify`, and by hand where some factors are zero.

import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("order, groups and products")
struct OrderSpecTests {
  /// A spec whose every level goes through most of them, along different axes.
  static let spec = """
    spec ordered
    dim n = 7, d = 3, steps = 2
    params theta { w: [n, d] ~ normal(0, 0.5)  a: [d] ~ normal(0, 1) }
    meta raw: [n, d] ~ normal(0, 1)
    func features(w: [n, d], x: [n, d]) -> [d] {
      let h = tanh(w * x)
      let (best, places) = top_k(h, 3, axis: 0)
      let groups = segment_sum(h * h, mod(iota(n), 4), 4)
      let means = segment_mean(h, mod(3 * iota(n), 5), 5)
      let runs = cumprod(1 + 0.3 * h, axis: 0) + cummax(h, axis: 0, reverse: true)
      let ranks = take_along_axis(x, argsort(h, axis: 0, descending: true), axis: 0)
      return sum(best * float(places + 1), axis: 0) / n + sum(groups * groups, axis: 0)
        + sum(square(means), axis: 0) + mean(runs * roll(h, 2, axis: 0), axis: 0)
        + prod(1 + 0.2 * flip(h, axis: 0), axis: 0) + mean(ranks * h, axis: 0)
        + sum(sort(h, axis: 0) * expand(float(iota(n)), 1), axis: 0) / n
        + std(h, axis: 0) + norm(h, axis: 0) + atan(h[argmax(x[:, 0])]) + asinh(h[argmin(x[:, 1])])
    }
    inner(stream x: [n, d] ~ normal(0, 1)) {
      minimize sum(square(features(theta.w, x) - theta.a)) by adam(rate: 0.1 * sigmoid(raw[0, 0])) for steps
    }
    outer(y: [n, d] ~ normal(0, 1)) {
      minimize sum(square(features(theta.w, y) - theta.a * sort(raw, axis: 0)[2]))
    }
    """

  @Test(
    "verify finds all their derivatives right", arguments: [DType.f64, .f32], Derivation.allCases)
  func verified(_ dtype: DType, _ derivation: Derivation) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "ordered.mix")
      try Data(Self.spec.utf8).write(to: path)
      var options = BuildOptions()
      options.dtype = dtype
      options.derivation.derivation = derivation
      let report = try Compilation(path: path.path, options: options).verify()
      #expect(report.verdict == .verified, "\(report.text)")
    }
  }

  @Test("products with zeros have the products of the others for derivatives, of both orders")
  func zeros() throws {
    let run = try SpecRunner(
      """
      spec products
      params theta { x: [4] }
      meta m: [] ~ ones
      inner { minimize m * (prod(theta.x) + 10 * cumprod(theta.x)[2]) by sgd(rate: 0.1) for 1 }
      outer { minimize sum(theta.x) }
      """)
    for x in [[2.0, 3, 5, 7], [2, 0, 5, 7], [2, 0, 5, 0], [0, 0, 5, 0], [0, 0, 0, 0]] {
      let point = ["theta.x": x, "m": [1.0]]
      func product(without gone: Set<Int>, of count: Int) -> Double {
        (0..<count).filter { !gone.contains($0) }.map { x[$0] }.reduce(1, *)
      }
      let gradient = (0..<4).map { i in
        product(without: [i], of: 4) + (i < 3 ? 10 * product(without: [i], of: 3) : 0)
      }
      #expect(try run(.innerGradient, point)["grad.theta.x"] == gradient)
      for j in 0..<4 {
        let direction = (0..<4).map { $0 == j ? 1.0 : 0 }
        let column = (0..<4).map { i in
          guard i != j else { return 0.0 }
          let short = i < 3 && j < 3 ? 10 * product(without: [i, j], of: 3) : 0
          return product(without: [i, j], of: 4) + short
        }
        let found = try run(
          .hessianVectorProduct, point.merging(["direction.theta.x": direction]) { $1 })
        #expect(found["hvp.theta.x"] == column)
      }
    }
  }

  @Test(
    "what ties has the derivative that LANGUAGE.md says, and a sorted array those of its elements")
  func ties() throws {
    let run = try SpecRunner(
      """
      spec ties
      params theta { x: [4] }
      meta m: [4] ~ ones
      inner {
        let x = theta.x
        minimize sum(m * (sort(x) + 10 * sort(x, descending: true) + 100 * cummax(x)))
        by sgd(rate: 0.1) for 1
      }
      outer { minimize sum(theta.x) }
      """)
    func gradient(_ x: [Double]) throws -> [Double]? {
      try run(.innerGradient, ["theta.x": x, "m": [1, 2, 3, 4]])["grad.theta.x"]
    }
    // Stable: of the twos, the first is second (or third from above), the other third (second).
    #expect(try gradient([2, 3, 2, 1]) == [122, 914, 33, 41])
    // Of ties the last so far has the derivative of the running maximum.
    #expect(try gradient([5, 5, 5, 5]) == [111, 222, 333, 444])
  }
}
