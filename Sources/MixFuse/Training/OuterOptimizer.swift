// SPDX-License-Identifier: Apache-2.0
//
// The optimiser of the outer loop: how the meta parameters follow their gradient. Everything is
// elementwise and computed in Float64 in a fixed order, so a training run gives the same bits every
// time; parameters keep the build's type. The defaults are those of the prelude's inner optimisers.

import Foundation
import MixFuseRuntime

/// A way of following a gradient.
package enum OuterOptimizerKind: String, CaseIterable, Sendable {
  case sgd, momentum, nesterov, rmsprop, adam, adamw

  /// Names of the arrays, shaped like the parameter, that are kept from step to step.
  var momentNames: [String] {
    switch self {
    case .sgd: []
    case .momentum, .nesterov: ["velocity"]
    case .rmsprop: ["square"]
    case .adam, .adamw: ["mean", "square"]
    }
  }
}

/// An optimiser with its state.
struct OuterOptimizer {
  let kind: OuterOptimizerKind
  let rate: Double
  /// The moments of each parameter, in the order of `kind.momentNames`, each as long as the
  /// parameter; a parameter that has not been updated yet has none.
  var moments: [String: [[Double]]] = [:]
  /// The number of steps of the run that were finished when the moments were zero.
  var start = 0
  /// Memory for the next moments: an update writes to it and leaves the old moments as they are for
  /// a state that is still needed.
  private var spare: [String: [[Double]]] = [:]

  private let decay = 0.9
  private let squareDecay = 0.999
  private let epsilon = 1e-8
  private let weightDecay = 0.01

  init(kind: OuterOptimizerKind, rate: Double) {
    self.kind = kind
    self.rate = rate
  }

  /// Takes over the memory of moments that are no longer needed.
  mutating func reuse(_ moments: [String: [[Double]]]) { spare = moments }

  /// Moves a parameter one step along its gradient.
  ///
  /// - Parameters:
  ///   - name: the parameter's, which its state goes by.
  ///   - gradient: of the parameter's type and shape.
  ///   - step: counts from 1.
  /// - Cost: one pass over the parameter, its gradient and its moments.
  mutating func update(
    _ parameter: inout NDArray, name: String, gradient: NDArray, step: Int
  ) throws(RuntimeError) {
    guard gradient.elementType == parameter.elementType, gradient.shape == parameter.shape else {
      throw .arrayMismatch(
        name: name, expected: parameter.description, found: gradient.description, isTypeOnly: false)
    }
    switch parameter.elementType {
    case .float32: try update(&parameter, Float.self, name, gradient, step)
    case .float64: try update(&parameter, Double.self, name, gradient, step)
    case .bool, .float16, .int32, .int64, .uint8:
      throw .conversion(
        name: name, from: parameter.elementType, to: .float64, reason: "it cannot be learned")
    }
  }

  private mutating func update<Element: ArrayElement & BinaryFloatingPoint>(
    _ parameter: inout NDArray, _ type: Element.Type, _ name: String, _ gradient: NDArray,
    _ step: Int
  ) throws(RuntimeError) {
    guard !kind.momentNames.isEmpty else {
      let rate = rate
      try parameter.withUnsafeMutableElements(of: type) { values in
        gradient.withUnsafeBytes { bytes in
          let slopes = bytes.bindMemory(to: type)
          for i in values.indices {
            values[i] = Element(Double(values[i]) - rate * Double(slopes[i]))
          }
        }
      }
      return
    }
    let count = parameter.count
    func zeros() -> [[Double]] {
      kind.momentNames.map { _ in [Double](repeating: 0, count: count) }
    }
    let old = moments[name] ?? zeros()
    // Taken out of the table, because a second reference would make writing to them a copy.
    var new = spare.removeValue(forKey: name) ?? zeros()
    let rule = rule(step: step - start)
    try parameter.withUnsafeMutableElements(of: type) { values in
      gradient.withUnsafeBytes { bytes in
        rule.apply(to: values, bytes.bindMemory(to: type), old, &new)
      }
    }
    moments[name] = new
  }

  /// What a step does to every element.
  private func rule(step: Int) -> Rule {
    Rule(
      kind: kind, rate: rate, decay: decay, squareDecay: squareDecay, epsilon: epsilon,
      pull: kind == .adamw ? weightDecay : 0,
      meanScale: 1 / (1 - pow(decay, Double(step))),
      squareScale: 1 / (1 - pow(squareDecay, Double(step))))
  }
}

/// One step of an optimiser with moments, element by element.
private struct Rule {
  let kind: OuterOptimizerKind
  let rate: Double, decay: Double, squareDecay: Double, epsilon: Double, pull: Double
  let meanScale: Double, squareScale: Double

  func apply<Element: BinaryFloatingPoint>(
    to values: UnsafeMutableBufferPointer<Element>, _ slopes: UnsafeBufferPointer<Element>,
    _ old: [[Double]], _ new: inout [[Double]]
  ) {
    old[0].withUnsafeBufferPointer { oldFirst in
      new[0].withUnsafeMutableBufferPointer { first in
        switch kind {
        case .sgd: break
        case .momentum, .nesterov: follow(values, slopes, oldFirst, first)
        case .rmsprop: scale(values, slopes, oldFirst, first)
        case .adam, .adamw: break
        }
      }
    }
    guard kind == .adam || kind == .adamw else { return }
    var (mean, square) = (new[0], new[1])
    new.removeAll()
    adapt(values, slopes, old[0], old[1], &mean, &square)
    new = [mean, square]
  }

  /// Momentum, ahead of itself or not.
  private func follow<Element: BinaryFloatingPoint>(
    _ values: UnsafeMutableBufferPointer<Element>, _ slopes: UnsafeBufferPointer<Element>,
    _ old: UnsafeBufferPointer<Double>, _ velocity: UnsafeMutableBufferPointer<Double>
  ) {
    let looksAhead = kind == .nesterov
    for i in values.indices {
      let slope = Double(slopes[i])
      let now = decay * old[i] + slope
      velocity[i] = now
      let direction = looksAhead ? slope + decay * now : now
      values[i] = Element(Double(values[i]) - rate * direction)
    }
  }

  /// RMSProp.
  private func scale<Element: BinaryFloatingPoint>(
    _ values: UnsafeMutableBufferPointer<Element>, _ slopes: UnsafeBufferPointer<Element>,
    _ old: UnsafeBufferPointer<Double>, _ square: UnsafeMutableBufferPointer<Double>
  ) {
    for i in values.indices {
      let slope = Double(slopes[i])
      let now = decay * old[i] + (1 - decay) * slope * slope
      square[i] = now
      values[i] = Element(Double(values[i]) - rate * (slope / (now.squareRoot() + epsilon)))
    }
  }

  /// Adam and AdamW.
  private func adapt<Element: BinaryFloatingPoint>(
    _ values: UnsafeMutableBufferPointer<Element>, _ slopes: UnsafeBufferPointer<Element>,
    _ oldMean: [Double], _ oldSquare: [Double], _ mean: inout [Double], _ square: inout [Double]
  ) {
    mean.withUnsafeMutableBufferPointer { mean in
      square.withUnsafeMutableBufferPointer { square in
        for i in values.indices {
          let slope = Double(slopes[i])
          let value = Double(values[i])
          let nextMean = decay * oldMean[i] + (1 - decay) * slope
          let nextSquare = squareDecay * oldSquare[i] + (1 - squareDecay) * slope * slope
          (mean[i], square[i]) = (nextMean, nextSquare)
          let size = (nextSquare * squareScale).squareRoot() + epsilon
          let direction = nextMean * meanScale / size + pull * value
          values[i] = Element(value - rate * direction)
        }
      }
    }
  }
}
