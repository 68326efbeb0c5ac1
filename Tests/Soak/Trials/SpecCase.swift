// SPDX-License-Identifier: Apache-2.0
//
// What the trials on random specs share: the problem of a seed, random choices of how to build it,
// inputs by name, and the comparison with what the interpreter finds.

import Differentiation
import Foundation
import Interpreter
import MixFuse
import MixFuseRuntime
import TensorIR
import TestSupport

/// A random spec, and how it is built.
struct SpecCase {
  let spec: RandomSpec
  let path: String
  var generator: SeededGenerator
  var options = BuildOptions()
  let problem: MetaProblem

  /// - Throws: `CompilationFailure`, which would be a fault: random specs are valid.
  init(seed: UInt64, in place: Place, dtype: DType = .f64) throws {
    spec = RandomSpec(seed: seed)
    path = place.file("spec.mix")
    generator = SeededGenerator(seed: seed &+ 0x5EED)
    options.dtype = dtype
    options.derivation = generator.derivationOptions()
    problem = try Compilation(path: path, options: options).problem()
  }

  static func files(seed: UInt64) -> [CaseFile] {
    [CaseFile("spec.mix", RandomSpec(seed: seed).text)]
  }

  var compilation: Compilation { Compilation(path: path, options: options) }

  /// The same with the other derivation and nothing chosen besides.
  var otherDerivation: Compilation {
    var options = options
    let other: DerivationOptions.Derivation =
      self.options.derivation.derivation == .mixed ? .standard : .mixed
    options.derivation = DerivationOptions(derivation: other)
    return Compilation(path: path, options: options)
  }

  // MARK: Inputs

  /// How inputs are drawn.
  enum Draw: CaseIterable { case usual, zeros, equal, large }

  /// Values for all inputs of a graph, the same for the same name and shape.
  mutating func inputs(of graph: Graph, _ draw: Draw = .usual) throws -> [NumericArray] {
    try zip(graph.inputNames, graph.inputTypes).map { name, type in
      let values = try drawn(name, type)
      guard type.dtype.isFloat else { return NumericArray(type, values) }
      let rounded = options.dtype == .f32 ? values.map { Double(Float($0)) } : values
      switch draw {
      case .usual: return NumericArray(type, rounded)
      case .zeros: return NumericArray(type, repeating: 0)
      case .equal: return NumericArray(type, repeating: 0.5)
      case .large: return NumericArray(type, rounded.map { 8 * $0 })
      }
    }
  }

  private func drawn(_ name: String, _ type: TensorType) throws -> [Double] {
    let leaves = problem.theta + problem.meta + (problem.innerData + problem.outerData).map(\.leaf)
    var initializer = leaves.first { $0.name == name }?.initializer
    // The step is in range whether it is counted from 0 or from 1.
    if name == "step" { initializer = .ones }
    if name.hasPrefix("state.") { initializer = .uniform(low: 0.1, high: 0.5) }
    let description = Manifest.ArrayDescription(
      name: name, cName: name, elementType: type.dtype == .i32 ? .int32 : .float64,
      shape: type.shape, initializer: initializer ?? .normal(mean: 0, deviation: 1))
    return try InputSampler(seed: spec.seed).draw(description).doubles()
  }
}

extension SeededGenerator {
  /// Any of the ways to derive a meta-gradient, those that `--memory` chooses among included.
  mutating func derivationOptions() -> DerivationOptions {
    let lastSteps: [DerivationOptions.LastStep] = [
      .inLoop, .inLoop, .apart(intensity: 0), .apart(intensity: 256), .apart(intensity: .max),
    ]
    return DerivationOptions(
      derivation: choose([.mixed, .mixed, .standard]), rematerialization: choose([.block, .none]),
      innerGradients: choose([.save, .recompute]),
      trajectory: choose([.stored, .replayed, .automatic]),
      stepActivations: choose([.saved, .recomputed, .automatic]),
      gradientRematerialization: choose([nil, .some(.block), .some(.none)]),
      firstStep: choose([.inLoop, .apart, .automatic]), lastStep: choose(lastSteps))
  }
}

/// How far results may be from what is expected: a part of the result's size and, where that is not
/// enough, a multiple of how far noise in the last place of the inputs moves the result.
struct Tolerance {
  var relative: Double
  var absolute: Double
  /// Relative size of the noise.
  var noise: Double
  /// How many times the movement by noise is allowed.
  var factor: Double

  static let f64 = Tolerance(relative: 1e-9, absolute: 1e-12, noise: 0x1p-52, factor: 256)
  static let f32 = Tolerance(relative: 2e-5, absolute: 1e-6, noise: 0x1p-23, factor: 64)
}

/// Compares results with those of a graph in the interpreter.
struct Comparison {
  let graph: Graph
  let inputs: [NumericArray]
  let expected: [NumericArray]
  let tolerance: Tolerance
  /// The distance that counts as allowed for each output, beyond `tolerance`.
  var allowance: [Double]

  init(_ graph: Graph, _ inputs: [NumericArray], _ tolerance: Tolerance) throws {
    (self.graph, self.inputs, self.tolerance) = (graph, inputs, tolerance)
    expected = try Evaluator().evaluate(graph, inputs: inputs)
    allowance = expected.map { _ in 0 }
  }

  /// Whether all that is expected are finite numbers.
  var isFinite: Bool { expected.allSatisfy { $0.elements.allSatisfy(\.isFinite) } }

  /// Nil if all is well, else the first output that is wrong.
  mutating func difference(from found: [NumericArray]) throws -> String? {
    var movement: [Double]?
    for (index, (expected, found)) in zip(expected, found).enumerated() {
      let distance = norm(zip(expected.elements, found.elements).map { $0 - $1 })
      let size = norm(expected.elements)
      var allowed = tolerance.relative * size + tolerance.absolute + allowance[index]
      if distance <= allowed { continue }
      let moved = try movement ?? movements()
      movement = moved
      allowed += tolerance.factor * moved[index]
      if distance <= allowed || !moved[index].isFinite { continue }
      return "\(graph.outputNames[index]) is off by \(distance), of \(size); allowed are \(allowed)"
    }
    return nil
  }

  /// How far noise moves each output.
  private func movements() throws -> [Double] {
    var result = expected.map { _ in 0.0 }
    var generator = SeededGenerator(seed: 99)
    for _ in 0..<4 {
      let noisy = inputs.map { input in
        guard input.type.dtype.isFloat else { return input }
        return NumericArray(
          input.type,
          input.elements.map { element in
            let size = max(element.magnitude, 1e-3) * tolerance.noise
            return element + (generator.chance(0.5) ? size : -size)
          })
      }
      let moved = try Evaluator().evaluate(graph, inputs: noisy)
      for (index, (before, after)) in zip(expected, moved).enumerated() {
        result[index] = max(
          result[index], norm(zip(before.elements, after.elements).map { $0 - $1 }))
      }
    }
    return result
  }
}

/// The Euclidean norm; infinite if an element is not a number.
func norm(_ values: [Double]) -> Double {
  let sum = values.reduce(0) { $0 + $1 * $1 }
  return sum.isNaN ? .infinity : sum.squareRoot()
}
