// SPDX-License-Identifier: Apache-2.0
//
// `cumsum` in a spec, through all derivative orders: by hand, and by the oracles of `verify`.

import Diagnostics
import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("cumsum")
struct CumulativeSumSpecTests {
  @Test("its axis counts from the end, and it runs either way")
  func values() throws {
    let run = try SpecRunner(
      """
      spec running
      params theta { x: [2, 3] }
      meta m: [6, 2, 3] ~ ones
      inner {
        let c = stack([
          cumsum(theta.x), cumsum(theta.x, axis: 0), cumsum(theta.x, axis: -2, reverse: true),
          cumsum(theta.x, reverse: true), cumsum(theta.x, 1, false), float(cumsum(iota(6))[0]) * theta.x,
        ])
        minimize sum(m * c * c) by sgd(rate: 0.1) for 1
      }
      outer { minimize sum(theta.x) }
      """)
    let x: [Double] = [1, 2, 4, 8, 16, 32]
    var m = [Double](repeating: 0, count: 36)
    /// The loss with one element of `m` at 1 is the square of that element of the stack.
    func element(_ position: Int) throws -> Double {
      m[position] = 1
      defer { m[position] = 0 }
      return try run(.innerLoss, ["theta.x": x, "m": m])["loss"]?[0].squareRoot() ?? .nan
    }
    let expected: [Double] =
      [1, 3, 7, 8, 24, 56] + [1, 2, 4, 9, 18, 36] + [9, 18, 36, 8, 16, 32]
      + [7, 6, 4, 56, 48, 32] + [1, 3, 7, 8, 24, 56] + [0, 0, 0, 0, 0, 0]
    for (position, value) in expected.enumerated() {
      #expect(try element(position) == value, "\(position)")
    }
  }

  /// A spec whose every level goes through running sums along both axes, both ways.
  static let spec = """
    spec running
    dim n = 150, steps = 2
    params theta { w: [n, 3] ~ normal(0, 0.3) }
    meta rate: [n, 3] ~ constant(-2)
    func path(p: theta, x: [n, 3]) -> [n, 3] {
      let drift = cumsum(tanh(p.w * x), axis: 0) / 10
      return cumsum(sin(drift), reverse: true) + cumsum(drift * drift, axis: 0, reverse: true) / n
    }
    inner(stream x: [n, 3] ~ normal(0, 1)) {
      minimize mean(square(path(theta, x) - cumsum(x, axis: 0) / 10))
      by adam(rate: exp(cumsum(rate, axis: -1) / 3)) for steps
    }
    outer(y: [n, 3] ~ normal(0, 1)) {
      minimize mean(square(path(theta, y) - cumsum(y, axis: 0) / 10))
    }
    """

  @Test(
    "verify finds all its derivatives right", arguments: [DType.f64, .f32], Derivation.allCases)
  func verified(_ dtype: DType, _ derivation: Derivation) throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "running.mix")
      try Data(Self.spec.utf8).write(to: path)
      var options = BuildOptions()
      options.dtype = dtype
      options.derivation.derivation = derivation
      let report = try Compilation(path: path.path, options: options).verify()
      #expect(report.verdict == .verified, "\(report.text)")
    }
  }

  @Test("a scalar has no axis to sum along")
  func scalar() throws {
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "scalar.mix")
      let text = Self.spec.replacing("p.w * x", with: "cumsum(sum(p.w)) * x")
      try Data(text.utf8).write(to: path)
      let failure = #expect(throws: CompilationFailure.self) {
        try Compilation(path: path.path, options: BuildOptions()).problem()
      }
      let found = failure?.diagnostics.diagnostics.map { "\($0.id): \($0.text)" }
      #expect(found?.first == "shape.axis: there is no axis -1, the array has 0 axes")
    }
  }
}
