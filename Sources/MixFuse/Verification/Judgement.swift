// SPDX-License-Identifier: Apache-2.0
//
// Verdicts: what an entry point should give at certain inputs, how near a library has to come to it,
// and the comparison of arrays by that measure. The rules are stated in `Examination.swift`.

import Differentiation
import Foundation
import MixFuseRuntime

/// One way to compute the outputs of an entry point.
struct Computation {
  /// How, in a few words.
  let method: String
  /// Whether it is a library: then it is quick.
  let isCompiled: Bool
  /// The outputs for inputs by name.
  let outputs: (NamedArrays) throws -> NamedArrays

  init(
    method: String, isCompiled: Bool = false, outputs: @escaping (NamedArrays) throws -> NamedArrays
  ) {
    self.method = method
    self.isCompiled = isCompiled
    self.outputs = outputs
  }

  /// The largest relative movement of each output when every input element changes by a relative
  /// `noise`, over a few random draws.
  ///
  /// - Cost: `draws + 1` computations.
  func conditioning(
    at inputs: NamedArrays, noise: Double, draws: Int, seed: UInt64
  ) throws -> [Conditioning] {
    let still = try outputs(inputs)
    var result = still.names.map { Conditioning(array: $0, movement: 0) }
    for draw in 0..<draws {
      let moved = try outputs(inputs.withNoise(size: noise, draw: draw, seed: seed))
      for (index, item) in still.enumerated() {
        let error = ArrayError(try moved.values(item.name), expected: item.array.doubles())
        result[index].movement = max(result[index].movement, error.relative)
      }
    }
    return result
  }
}

/// What is expected at certain inputs, and how near to it is near enough.
struct Judgement {
  /// The outputs, in f64.
  let expected: NamedArrays
  private let exact: Computation
  private let inputs: NamedArrays
  private let seed: UInt64
  /// For an f32 library the largest relative error of each output; nil for an f64 library.
  private let float32Limits: [String: Double]?

  /// An f64 result may be this far off.
  static let float64Limit = 1e-9
  /// No f32 result has to be nearer than this.
  static let float32Floor = 1e-5
  /// How much worse than one measured effect of rounding a result may be.
  static let safetyFactor = 4.0

  /// Computes what is expected.
  ///
  /// - Parameters:
  ///   - exact: computes in f64.
  ///   - single: computes the same in f32, if it is an f32 library that is judged.
  ///   - conditioning: how far noise in the last place of f32 inputs moves each output, if known.
  /// - Throws: what the computations throw.
  init(
    _ exact: Computation, single: Computation?, at inputs: NamedArrays,
    conditioning: [Conditioning] = [], seed: UInt64
  ) throws {
    self.exact = exact
    self.inputs = inputs
    self.seed = seed
    let expected = try exact.outputs(inputs)
    self.expected = expected
    let movements = Dictionary(conditioning.map { ($0.array, $0.movement) }) { first, _ in first }
    float32Limits = try single.map { single in
      let rounded = try single.outputs(inputs)
      let limits = try expected.map { name, array in
        let error = ArrayError(try rounded.values(name), expected: array.doubles())
        let effect = max(error.relative, movements[name] ?? 0)
        return (name, max(Self.float32Floor, Self.safetyFactor * effect))
      }
      return Dictionary(limits) { first, _ in first }
    }
  }

  /// Compares the arrays that are in both collections.
  ///
  /// - Throws: `RuntimeError.arrayMismatch` if an expected array has another shape.
  func comparisons(
    of found: NamedArrays, with expected: NamedArrays, _ oracle: Oracle, _ method: String,
    entryPoint: EntryPoint = .metaGradient
  ) throws -> [Comparison] {
    var noise: [Conditioning]?
    return try found.compactMap { name, array in
      guard let wanted = expected[name] else { return nil }
      guard wanted.shape == array.shape else {
        throw RuntimeError.arrayMismatch(
          name: name, expected: array.description, found: wanted.description, isTypeOnly: false)
      }
      let error = ArrayError(array.doubles(), expected: wanted.doubles())
      var tolerance = Self.float64Limit
      if let float32Limits {
        tolerance = float32Limits[name] ?? Self.float32Floor
      } else if !(error.relative <= tolerance) && error.relative.isFinite {
        let known =
          try noise ?? exact.conditioning(at: inputs, noise: 0x1p-52, draws: 2, seed: seed)
        noise = known
        let movement = known.first { $0.array == name }?.movement ?? 0
        tolerance = max(tolerance, Self.safetyFactor * movement)
      }
      return Comparison(
        oracle: oracle, method: method, entryPoint: entryPoint.rawValue, array: name,
        shape: array.shape, maximumError: error.maximum, relativeError: error.relative,
        tolerance: tolerance, outcome: error.relative <= tolerance ? .passed : .failed)
    }
  }
}

extension DirectionalDifference {
  /// Compares a measured slope with a gradient.
  ///
  /// A sum of products is as large as their norm unless they happen to cancel, so errors are
  /// relative to that. Allowed are 10 times what the sweep leaves open (at least 1e-6), and 4 times
  /// what the gradient's own float type does. A sweep that leaves more than 1 % open decides nothing.
  ///
  /// - Parameters:
  ///   - products: each gradient element times its element of the direction.
  ///   - name: what to call the gradient.
  ///   - rounding: the relative error that the gradient may have by itself.
  func comparison(
    with products: [Double], of name: String, rounding: Double
  ) -> Comparison {
    let scale = max(norm(products), abs(slope))
    let difference = abs(products.reduce(0, +) - slope)
    let openness = scale > 0 ? max(1e-6, 10 * uncertainty / scale) : 1e-6
    let isDecisive = uncertainty.isFinite && openness <= 1e-2
    let tolerance = openness + Judgement.safetyFactor * rounding
    let relative = difference == 0 ? 0 : difference / scale
    let exponent = String(format: "%.0e", step)
    return Comparison(
      oracle: .finiteDifference, method: "step \(exponent)",
      entryPoint: EntryPoint.metaGradient.rawValue, array: name, shape: [],
      maximumError: difference, relativeError: relative, tolerance: tolerance,
      outcome: !isDecisive ? .undecided : relative <= tolerance ? .passed : .failed)
  }
}
