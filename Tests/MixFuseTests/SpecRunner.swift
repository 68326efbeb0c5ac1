// SPDX-License-Identifier: Apache-2.0
//
// Specs given as text, built and called.

import Differentiation
import Foundation
import MixFuseRuntime
import TensorIR
import Testing

@testable import MixFuse

/// A library built from a spec given as text.
struct SpecRunner {
  private let library: Library
  private let dtype: DType

  init(_ spec: String, dtype: DType = .f64, derivation: Derivation = .mixed) throws {
    self.dtype = dtype
    library = try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "test.mix")
      try Data(spec.utf8).write(to: path)
      var options = BuildOptions()
      options.dtype = dtype
      options.derivation.derivation = derivation
      let compilation = Compilation(path: path.path, options: options)
      return try Library(path: compilation.build(into: folder.path, cache: nil).library)
    }
  }

  /// The inputs of an entry point as they are drawn.
  func drawn(_ entry: EntryPoint) throws -> [String: [Double]] {
    let session = try Session(library, entryPoint: entry.rawValue)
    let arrays = try InputSampler(seed: 1).inputs(of: session.entryPoint)
    return Dictionary(
      uniqueKeysWithValues: session.entryPoint.inputs.compactMap { input in
        arrays[input.name].map { (input.name, $0.doubles()) }
      })
  }

  /// The outputs of an entry point. Inputs that are not given are drawn by the spec's initialisers.
  func callAsFunction(
    _ entry: EntryPoint, _ inputs: [String: [Double]] = [:]
  ) throws -> [String: [Double]] {
    let session = try Session(library, entryPoint: entry.rawValue)
    var arrays = try InputSampler(seed: 1).inputs(of: session.entryPoint)
    for input in session.entryPoint.inputs {
      guard let elements = inputs[input.name] else { continue }
      guard input.elementType != .int32 else {
        arrays[input.name] = try NDArray(elements.map { Int32($0) }, shape: input.shape)
        continue
      }
      arrays[input.name] =
        input.elementType == .int32
        ? try NDArray(elements.map { Int32($0) }, shape: input.shape)
        : dtype == .f32
          ? try NDArray(elements.map(Float.init), shape: input.shape)
          : try NDArray(elements, shape: input.shape)
    }
    let outputs = try session.run(arrays)
    return Dictionary(uniqueKeysWithValues: outputs.map { ($0.name, $0.array.doubles()) })
  }
}

/// Whether all numbers are the right ones, NaN where those are, up to a share of each.
func agree(_ found: [Double]?, _ right: [Double], _ relative: Double) -> Bool {
  guard let found, found.count == right.count else { return false }
  return zip(found, right).allSatisfy { found, right in
    found == right || found.isNaN && right.isNaN
      || abs(found - right) <= relative * abs(right)
  }
}
