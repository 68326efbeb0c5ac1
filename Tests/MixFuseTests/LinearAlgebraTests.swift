// SPDX-License-Identifier: Apache-2.0
//
// Inverses, determinants, Cholesky factors and systems of equations against JAX, which has a rule of its
// own for each: values and derivatives up to the third order are in
// Tests/Data/reference/linear_algebra_reference.json with the program that made them beside it.

import Differentiation
import Foundation
import Interpreter
import TensorIR
import Testing

@testable import MixFuse

@Suite("linear algebra")
struct LinearAlgebraTests {
  struct Reference: Decodable {
    struct Derivatives: Decodable {
      let value: [Double], gradient: [Double], product: [Double], third: [Double]
    }
    let functions: [String: Derivatives]
  }

  /// The functions of `linear_algebra_reference.py` in the language.
  static let functions = [
    "inverse": "sum(x * inverse(w))",
    "logdet": "sum(logdet(w) * float(iota(2) + 1))",
    "solve": "sum(sin(solve(w, x @ w)))",
    "solve_vector": "sum(square(solve(w, v)))",
    "triangular": "sum(sin(triangular_solve(w, x @ w)))",
    "triangular_upper": "sum(sin(triangular_solve(w, x, upper: true)))",
    "cholesky": "sum(sin(cholesky(w @ transpose(w) + 0.5 * eye(n))) * x)",
    "cholesky_raw": "sum(x * cholesky(w + 4 * eye(n)))",
  ]

  private static func ramp(_ count: Int, _ scale: Double, _ offset: Double) -> [Double] {
    (0..<count).map { scale * sin(1.7 * Double($0) + offset) }
  }

  private static let inputs: [String: [Double]] = [
    "theta.w": ramp(32, 1, 0).enumerated().map { $1 + ($0 % 16 % 5 == 0 ? 0.5 : 0) },
    "direction.theta.w": ramp(32, 1, 3), "theta.w_tan": ramp(32, 1, 3),
    "x": ramp(32, 0.7, 5), "v": ramp(8, 0.9, 7), "m": [1],
  ]

  private static func compilation(_ function: String, _ dtype: DType, in folder: URL) throws
    -> Compilation
  {
    let spec = """
      spec matrices
      dim n = 4
      params theta { w: [2, n, n] }
      meta m: [] ~ ones
      inner(x: [2, n, n], v: [2, n]) {
        let w = theta.w
        minimize m * \(function) by sgd(rate: 0.1) for 1
      }
      outer { minimize sum(theta.w) }
      """
    let path = folder.appending(path: "matrices.mix")
    try Data(spec.utf8).write(to: path)
    var options = BuildOptions()
    options.dtype = dtype
    return Compilation(path: path.path, options: options)
  }

  private static func outputs(_ graph: Graph) throws -> [String: [Double]] {
    let inputs = try zip(graph.inputNames, graph.inputTypes).map { name, type in
      NumericArray(type, try #require(Self.inputs[name]))
    }
    let results = try Evaluator().evaluate(graph, inputs: inputs)
    return Dictionary(
      zip(graph.outputNames, results.map(\.elements)), uniquingKeysWith: { _, last in last })
  }

  private static func check(_ found: [Double]?, _ right: [Double], _ tolerance: Double) throws {
    let found = try #require(found)
    let size = right.map(abs).max() ?? 0
    #expect(found.count == right.count)
    for (a, b) in zip(found, right) { #expect(abs(a - b) <= tolerance * size, "\(a), not \(b)") }
  }

  @Test("values and derivatives of three orders are JAX's", arguments: functions.keys.sorted())
  func derivatives(_ name: String) throws {
    let file = Repository.file("Tests/Data/reference/linear_algebra_reference.json")
    let reference = try JSONDecoder().decode(Reference.self, from: Data(contentsOf: file))
    let right = try #require(reference.functions[name])
    try Repository.withTemporaryFolder { folder in
      let compilation = try Self.compilation(
        try #require(Self.functions[name]), .f64, in: folder)
      let problem = try compilation.problem()
      let first = try Self.outputs(try compilation.derived(.innerGradient, of: problem))
      try Self.check(first["loss"], right.value, 1e-13)
      try Self.check(first["grad.theta.w"], right.gradient, 1e-13)
      let product = try compilation.derived(.hessianVectorProduct, of: problem)
      try Self.check(try Self.outputs(product)["hvp.theta.w"], right.product, 1e-13)
      let weights = try #require(product.inputNames.firstIndex(of: "theta.w"))
      let third = try Differentiator().jvp(of: product, tangentInputs: [weights])
      try Self.check(try Self.outputs(third)["hvp.theta.w_tan"], right.third, 1e-12)
    }
  }

  @Test("compiled, they are what the interpreter finds", arguments: [DType.f64, .f32])
  func compiled(_ dtype: DType) throws {
    try Repository.withTemporaryFolder { folder in
      let sum = Self.functions.sorted { $0.key < $1.key }.map(\.value).joined(separator: " + ")
      let report = try Self.compilation("(\(sum)) / 100", dtype, in: folder).verify()
      #expect(report.verdict == .verified, "\(report.text)")
    }
  }

  @Test("pivots are looked for, and what has no solution is not finite")
  func pivots() throws {
    try Repository.withTemporaryFolder { folder in
      let run = try Self.compilation("sum(inverse(w) * x)", .f64, in: folder)
      let graph = try run.derived(.innerLoss, of: try run.problem())
      // A permutation, whose inverse is its transpose; and a matrix with two equal rows.
      let permutation: [Double] = [0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0]
      let singular: [Double] = [1, 2, 3, 4, 1, 2, 3, 4, 0, 1, 0, 0, 0, 0, 1, 5]
      func loss(_ w: [Double]) throws -> Double {
        let x = Self.ramp(32, 0.7, 5)
        let values = ["theta.w": w + w, "x": x, "v": [Double](repeating: 0, count: 8), "m": [1]]
        let inputs = try zip(graph.inputNames, graph.inputTypes).map { name, type in
          NumericArray(type, try #require(values[name]))
        }
        return try Evaluator().evaluate(graph, inputs: inputs)[0].elements[0]
      }
      let x = Self.ramp(32, 0.7, 5)
      var expected = 0.0
      for place in 0..<32 {
        let (row, column) = (place % 16 / 4, place % 4)
        expected += x[place] * permutation[column * 4 + row]
      }
      #expect(abs(try loss(permutation) - expected) < 1e-14)
      #expect(!(try loss(singular).isFinite))
    }
  }
}
