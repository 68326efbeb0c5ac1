// SPDX-License-Identifier: Apache-2.0
//
// The oracle that knows nothing of derivatives: central differences, in Float64.
//
// No one step size is right. Too small, and rounding drowns the difference; too large, and it sees
// curvature and kinks: the first steps of Adam are nearly sign(g), which flips within 1e-8. So the
// step is swept over many decades. The plateau is where a step agrees best with both its neighbours;
// by how much they disagree there, and how large rounding is there, says how far it can be trusted.
// Below the rounding of the function all differences are zero and agree perfectly: that is why its
// rounding is measured and counted.

import Foundation

/// A derivative along a direction, measured by differences.
struct FiniteDifference: Sendable {
  /// One number for each element of the function's value.
  let derivative: [Double]
  /// The norm of what the measurement leaves open.
  let uncertainty: Double
  /// The step of the plateau.
  let step: Double
  /// The norm of the function's value, which a derivative that is zero is zero relative to.
  let size: Double
  /// The size of the terms that the function's value is summed from, as its rounding shows it: where
  /// they cancel for all inputs, as in the loss of a problem with one class, the value is zero itself.
  var terms = 0.0
  /// Whether the function has another slope on the other side: there the derivative is a matter of
  /// convention, and the uncertainty is as large as the jump.
  let isKink: Bool
}

/// A part of a function's value that is judged on its own, such as one array.
struct DifferencePart: Sendable {
  /// The norm of the rounding error of the function's value.
  var noise: Double
  /// The size that the derivative is to be known relative to; the sweep ends when it is.
  var scale: Double
}

/// The measurements of one sweep.
struct DifferenceSweep {
  /// Computes the parts of the function's value at several distances along the direction.
  typealias Function = ([Double]) throws -> [[[Double]]]

  /// Steps a factor of 8 apart, in units of the direction.
  static let steps = (1...12).map { pow(8, -Double($0)) }
  /// The evaluations that a sweep of a smooth function takes, for estimates.
  static let usualEvaluations = 13.0
  /// A derivative known this well needs no further steps.
  private static let goal = 1e-8

  private let parts: [DifferencePart]
  private let center: [[Double]]
  /// By part, then by step.
  private var slopes: [[[Double]]]
  /// By part, then by step: how much the slopes to both sides differ.
  private var jumps: [[Double]]

  /// The derivative of each part at distance 0.
  ///
  /// - Cost: up to 25 evaluations, about 11 if the function is smooth.
  /// - Throws: what the function throws.
  static func derivatives(
    of function: Function, parts: [DifferencePart]
  ) throws -> [FiniteDifference] {
    var sweep = DifferenceSweep(parts: parts, center: try function([0])[0])
    var result: [FiniteDifference] = []
    for (index, step) in steps.enumerated() {
      let values = try function([step, -step])
      sweep.append(values[0], values[1], step)
      guard index >= 3 else { continue }
      result = parts.indices.map(sweep.derivative)
      let isDone = zip(result, parts).allSatisfy { found, part in
        found.uncertainty <= goal * max(part.scale, norm(found.derivative), 1e-4 * found.size)
      }
      if isDone { break }
    }
    return result
  }

  private init(parts: [DifferencePart], center: [[Double]]) {
    (self.parts, self.center) = (parts, center)
    slopes = parts.map { _ in [] }
    jumps = parts.map { _ in [] }
  }

  private mutating func append(_ above: [[Double]], _ below: [[Double]], _ step: Double) {
    for part in parts.indices {
      slopes[part].append(zip(above[part], below[part]).map { ($0 - $1) / (2 * step) })
      let bends = above[part].indices.map {
        (above[part][$0] - 2 * center[part][$0] + below[part][$0]) / step
      }
      jumps[part].append(norm(bends))
    }
  }

  /// The best estimate from the steps so far: of second order, or extrapolated to fourth.
  private func derivative(of part: Int) -> FiniteDifference {
    let plain = slopes[part]
    // Halving the step by 8 divides the error of second order by 64, which cancels it here.
    let extrapolated = plain.indices.dropFirst().map { index in
      zip(plain[index], plain[index - 1]).map { (64 * $0 - $1) / 63 }
    }
    let candidates =
      plateaus(plain, firstStep: 0, part) + plateaus(extrapolated, firstStep: 1, part)
    let best = candidates.min { $0.uncertainty < $1.uncertainty }
    return best
      ?? FiniteDifference(
        derivative: plain[0], uncertainty: .infinity, step: Self.steps[0],
        size: norm(center[part]), isKink: false)
  }

  private func plateaus(
    _ estimates: [[Double]], firstStep: Int, _ part: Int
  ) -> [FiniteDifference] {
    estimates.indices.dropFirst().dropLast().compactMap { index in
      let next = firstStep + index + 1
      let here = estimates[index]
      let disagreement = max(
        distance(here, estimates[index - 1]), distance(here, estimates[index + 1]))
      guard disagreement.isFinite else { return nil }
      let rounding = parts[part].noise / Self.steps[next]
      // Where the function is smooth its bend goes with the step.
      let (jump, smaller) = (jumps[part][next - 1], jumps[part][next])
      let isKink = smaller > 0.5 * jump && smaller > 16 * rounding
      return FiniteDifference(
        derivative: here, uncertainty: disagreement + rounding + (isKink ? smaller : 0),
        step: Self.steps[next - 1], size: norm(center[part]), terms: parts[part].noise * 0x1p52,
        isKink: isKink)
    }
  }
}

/// The norm of a difference; infinite if it is not a number.
private func distance(_ lhs: [Double], _ rhs: [Double]) -> Double {
  let result = norm(zip(lhs, rhs).map { $0 - $1 })
  return result.isNaN ? .infinity : result
}
