// SPDX-License-Identifier: Apache-2.0
//
// Loops that collect, ranges that move, assignments to elements, whole-number division and diagonals in
// compiled programs, through all derivative orders, by the oracles of `verify`.

import Diagnostics
import Differentiation
import Foundation
import TensorIR
import Testing

@testable import MixFuse

@Suite("Words of the language, compiled")
struct LanguageWordsTests {
  @Test(
    "verify finds all derivatives right", arguments: ["loops", "parts"],
    [(DType.f64, Derivation.mixed), (.f64, .standard), (.f32, .mixed)])
  func verified(_ spec: String, _ build: (dtype: DType, derivation: Derivation)) throws {
    var options = BuildOptions()
    options.dtype = build.dtype
    options.derivation.derivation = build.derivation
    let path = Repository.file("Tests/Cases/words/\(spec).mix").path
    let report = try Compilation(path: path, options: options).verify()
    #expect(report.verdict == .verified, "\(report.text)")
  }

  @Test("elements that are written in a loop are what NumPy makes of them, last writes and all")
  func values() throws {
    let run = try SpecRunner(
      """
      spec writes
      params theta { x: [5] }
      meta m: [5] ~ ones
      inner(at: i32 [3]) {
        var y = theta.x
        for i in 4 { y[i + 1] = y[i] * 2 + y[i + 1] }
        y[at] = [100, 200, 300]
        y[at[0] : at[0] + 2] = -1
        minimize sum(m * y) by sgd(rate: 0.1) for 1
      }
      outer { minimize sum(theta.x) }
      """)
    /// The loss with one element of `m` at 1.
    func element(_ position: Int, at: [Double]) throws -> Double {
      var m = [Double](repeating: 0, count: 5)
      m[position] = 1
      let outputs = try run(.innerLoss, ["theta.x": [1, 2, 3, 4, 5], "m": m, "at": at])
      return outputs["loss"]?[0] ?? .nan
    }
    // x = 1, 4, 11, 26, 57 after the loop.
    for (at, expected) in [
      ([0.0, 4, 2], [-1.0, -1, 300, 26, 200]), ([3, 1, 1], [1, 300, 11, -1, -1]),
    ] {
      #expect(try (0..<5).map { try element($0, at: at) } == expected)
    }
  }
}
