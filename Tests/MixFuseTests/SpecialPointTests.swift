// SPDX-License-Identifier: Apache-2.0
//
// Every function of one number that the language has, at its special points: value, first and second
// derivative, compiled in both float types and interpreted in both precisions, against the numbers of
// `SpecialPointTable.swift`. All rows are one spec: an optimiser that replaces parameters by values
// makes `inner_step` give the values, the gradient of their sum and its product with ones give the
// derivatives.

import Diagnostics
import Differentiation
import Foundation
import Interpreter
import MixFuseRuntime
import SpecLanguage
import TensorIR
import Testing

@testable import Elaboration
@testable import MixFuse

@Suite("Functions at special points")
struct SpecialPointTests {
  @Test("every function has a row, or is none of one number")
  func rowsAreComplete() throws {
    let diagnostics = DiagnosticCollector()
    let prelude = Prelude.declarations(diagnostics: diagnostics).compactMap { declaration in
      if case .function(let function) = declaration { function.name.text } else { nil }
    }
    let known = Set(prelude + Builtin.all.map(\.name))
    let rows = Set(SpecialRow.all.map(\.function))
    #expect(known.subtracting(rows).sorted() == Self.otherFunctions.sorted())
  }

  /// Functions that are not of one number, or do not compute: they have tests of their own.
  private static let otherFunctions = [
    "alibi_slopes", "all", "any", "argmax", "argmin", "argsort", "attention", "averaged",
    "avg_pool", "batch_norm", "broadcast", "check_labels", "cholesky", "clip_by_norm",
    "concatenate", "constant_schedule", "conv", "conv_transpose", "cosine_decay", "cross_entropy",
    "cummax", "cumprod", "cumsum", "diagonal", "dot", "dropout", "einsum", "eliminated",
    "embedding", "expand",
    "exponential_decay", "eye", "flip", "float", "full", "geglu", "global_avg_pool",
    "global_max_pool", "global_norm", "grad", "group_norm", "half_triangle", "hvp", "instance_norm",
    "int", "inverse", "iota", "jvp", "layer_norm", "leaf_sizes", "leaf_sums", "linear",
    "linear_cross_entropy", "linear_schedule", "log_softmax", "logdet", "logsumexp", "matmul",
    "max", "max_pool", "mean", "mean_absolute_error", "mean_squared_error", "min", "normal",
    "one_hot",
    "ones", "orthogonalize", "pad", "piecewise_constant", "polynomial_schedule", "rank",
    "refined_solution", "regularized", "relative_buckets", "reshape", "rms_norm", "roll", "rope",
    "segment_mean", "segment_sum", "size", "softmax", "solve", "sort", "split", "stack",
    "stop_gradient", "sum", "swiglu", "take", "take_along_axis", "token_cross_entropy",
    "token_logits", "top_k", "trace", "transpose", "triangular_inverse", "triangular_solve", "tril",
    "triu", "uniform", "value_and_grad", "value_and_jvp", "vjp", "warmup_constant", "warmup_cosine",
    "zeros",
  ]

  /// This machine, and the plainest of its kind: no fused multiply-add, no instruction for `floor`.
  private static let processors: [String?] = {
    #if arch(x86_64)
      [nil, "x86-64"]
    #else
      [nil]
    #endif
  }()

  @Test(
    "compiled, values and derivatives are right", arguments: [DType.f64, .f32], processors)
  func compiled(_ dtype: DType, _ processor: String?) throws {
    try Repository.withTemporaryFolder { folder in
      let compilation = try Self.compilation(dtype, in: folder, for: processor)
      let library = try Library(path: compilation.build(into: folder.path, cache: nil).library)
      for (position, entry) in Self.entries.enumerated() {
        let session = try Session(library, entryPoint: entry.rawValue)
        var inputs = NamedArrays()
        for name in session.entryPoint.inputs.map(\.name) {
          let array = try #require(Self.inputs[name])
          inputs[name] =
            name == "step"
            ? try NDArray([Int32(1)], shape: [])
            : try dtype == .f32
              ? NDArray(array.elements.map(Float.init), shape: array.shape)
              : NDArray(array.elements, shape: array.shape)
        }
        let outputs = try session.run(inputs)
        try Self.check(position, dtype) { try outputs.array($0).doubles() }
      }
    }
  }

  @Test("interpreted, values and derivatives are right", arguments: [DType.f64, .f32])
  func interpreted(_ dtype: DType) throws {
    try Repository.withTemporaryFolder { folder in
      let compilation = try Self.compilation(dtype, in: folder)
      let problem = try compilation.problem()
      let precision = dtype == .f32 ? Precision.float32 : .float64
      for (position, entry) in Self.entries.enumerated() {
        let graph = try compilation.derived(entry, of: problem)
        let inputs = try zip(graph.inputNames, graph.inputTypes).map { name, type in
          NumericArray(type, try #require(Self.inputs[name]).elements)
        }
        let results = try Evaluator(precision: precision).evaluate(graph, inputs: inputs)
        try Self.check(position, dtype) { name in
          results[try #require(graph.outputNames.firstIndex(of: name))].elements
        }
      }
    }
  }

  @Test("a wrong number is noticed")
  func noticesErrors() {
    #expect(!Self.agrees(1.001, 1, .f32, floor: 0))
    #expect(!Self.agrees(0, 2.06e-9, .f32, floor: 0))
    #expect(!Self.agrees(0, -7.6e-23, .f64, floor: 0))
    #expect(!Self.agrees(0, .nan, .f64, floor: 0))
    #expect(!Self.agrees(1e300, .infinity, .f64, floor: 0))
  }

  // MARK: The spec

  private static let entries = [
    EntryPoint.innerStep, .innerGradient, .hessianVectorProduct,
  ]

  private static func compilation(
    _ dtype: DType, in folder: URL, for processor: String? = nil
  ) throws -> Compilation {
    let rows = Array(SpecialRow.all.enumerated())
    let functions = rows.map { "func f\($0)(x: [...]) -> [...] { return \($1.expression) }" }
    let spec = """
      spec special_points
      params theta { \(rows.map { "x\($0): [\($1.points.count)]" }.joined(separator: "  ")) }
      meta m: [] ~ ones
      \(functions.joined(separator: "\n"))
      optimizer value() {
        update(g, theta, step) {
          theta = {\(rows.map { "x\($0.0): f\($0.0)(theta.x\($0.0))" }.joined(separator: ", "))}
        }
      }
      inner {
        minimize m * (\(rows.map { "sum(f\($0.0)(theta.x\($0.0)))" }.joined(separator: " + ")))
        by value() for 1
      }
      outer { minimize \(rows.map { "sum(theta.x\($0.0))" }.joined(separator: " + ")) }
      """
    let path = folder.appending(path: "special_points.mix")
    try Data(spec.utf8).write(to: path)
    var options = BuildOptions()
    options.dtype = dtype
    options.targetCPU = processor
    return Compilation(path: path.path, options: options)
  }

  private static let inputs: [String: (elements: [Double], shape: [Int])] = {
    var inputs: [String: (elements: [Double], shape: [Int])] = ["m": ([1], []), "step": ([1], [])]
    for (index, row) in SpecialRow.all.enumerated() {
      inputs["theta.x\(index)"] = (row.points.map(\.x), [row.points.count])
      inputs["direction.theta.x\(index)"] = (row.points.map { _ in 1 }, [row.points.count])
    }
    return inputs
  }()

  // MARK: The comparison

  /// Compares the outputs of one entry point with quantity `position` of each point.
  private static func check(
    _ position: Int, _ dtype: DType, _ output: (_ name: String) throws -> [Double]
  ) throws {
    let prefix = ["next.theta.x", "grad.theta.x", "hvp.theta.x"][position]
    for (index, row) in SpecialRow.all.enumerated() {
      for (point, found) in zip(row.points, try output("\(prefix)\(index)")) {
        let scale = max(1, min(abs(point.x), 100))  // silu(x) is x times such a number.
        let floor = position > 0 && row.cancels(at: point.x) ? scale * roundingOfOne(dtype) : 0
        let right = point.quantities[position]
        #expect(
          agrees(found, right, dtype, floor: floor),
          "derivative \(position) of \(row.expression) at \(point.x): \(found), not \(right)")
      }
    }
  }

  private static func roundingOfOne(_ dtype: DType) -> Double {
    dtype == .f32 ? Double(Float.ulpOfOne) : Double.ulpOfOne
  }

  /// Whether a number of `dtype` is the right one: relative to it, and to `floor`.
  private static func agrees(
    _ found: Double, _ right: Double, _ dtype: DType, floor: Double
  ) -> Bool {
    let right = dtype == .f32 ? Double(Float(right)) : right
    if right.isNaN { return found.isNaN }
    if right.isInfinite { return found == right }
    // The rounding of an exponential's argument costs as many units as the argument is large: up to
    // 87 in f32, 709 in f64, of results that are not 0.
    let relative = (dtype == .f32 ? 200 : 1000) * roundingOfOne(dtype)
    let least =
      dtype == .f32 ? Double(Float.leastNormalMagnitude) : Double.leastNormalMagnitude
    return abs(found - right) <= relative * abs(right) + 4 * (floor + least)
  }
}
