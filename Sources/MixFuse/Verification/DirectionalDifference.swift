// SPDX-License-Identifier: Apache-2.0
//
// The oracle that knows nothing of derivatives: central differences of the outer loss, in Float64,
// along a random direction of the meta parameters.
//
// No one step size is right. Too small, and rounding drowns the difference; too large, and it sees
// curvature and kinks: the first steps of Adam are nearly sign(g), which flips within 1e-8. So the
// step is swept over many decades. The plateau is where a step agrees best with both its neighbours;
// by how much they disagree there says how far the result can be trusted.

import Foundation
import MixFuseRuntime

/// A slope of the outer loss, measured by differences.
struct DirectionalDifference: Sendable {
  /// The derivative along the direction.
  let slope: Double
  /// By how much the step of the plateau disagrees with its neighbours at most.
  let uncertainty: Double
  /// The step of the plateau.
  let step: Double

  /// Steps a factor of 10 apart, in units of a direction whose elements are about 1 times the size
  /// of the parameter's.
  static let steps = (2...11).map { pow(10, -Double($0)) }
  /// The evaluations of the loss that one measurement takes.
  static var evaluationCount: Int { 2 * steps.count }

  /// Measures the slope of `loss` at `arrays` along `direction`, which names some of the arrays and
  /// gives one number for each of their elements.
  ///
  /// - Cost: `evaluationCount` evaluations of the loss, on the pool.
  /// - Throws: what the interpreter throws.
  init(
    of loss: InterpretedProgram, at arrays: NamedArrays, along direction: [String: [Double]],
    pool: ThreadPool
  ) throws {
    let positions = Self.steps.flatMap { [$0, -$0] }
    let losses = try pool.map(positions) { step in
      var moved = arrays
      for (name, change) in direction {
        let array = try arrays.array(name)
        let values = zip(array.doubles(), change).map { $0 + step * $1 }
        moved[name] = try NDArray(values, shape: array.shape)
      }
      return try loss.outputs(for: moved).values("loss")[0]
    }
    let slopes = Self.steps.indices.map { index in
      (losses[2 * index] - losses[2 * index + 1]) / (2 * Self.steps[index])
    }
    let disagreements = slopes.indices.dropFirst().dropLast().map { index in
      max(abs(slopes[index] - slopes[index - 1]), abs(slopes[index] - slopes[index + 1]))
    }
    let best = disagreements.indices.min { disagreements[$0] < disagreements[$1] } ?? 0
    slope = slopes[best + 1]
    uncertainty = disagreements[best]
    step = Self.steps[best + 1]
  }

  /// A direction of random signs and sizes: each element normal, times the root mean square of its
  /// array, or 1 for an array of zeros.
  ///
  /// - Throws: `RuntimeError`.
  static func random(
    in names: [String], of arrays: NamedArrays, seed: UInt64
  ) throws(RuntimeError) -> [String: [Double]] {
    var direction: [String: [Double]] = [:]
    for name in names {
      let values = try arrays.values(name)
      let size = norm(values) / Double(max(values.count, 1)).squareRoot()
      let scale = size > 0 ? size : 1
      direction[name] = try randomArray(
        "direction of \(name)", count: values.count, seed: seed, kind: "normal", 0, 1
      ).map { $0 * scale }
    }
    return direction
  }
}
