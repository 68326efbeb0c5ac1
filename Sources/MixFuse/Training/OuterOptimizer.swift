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

  private let decay = 0.9
  private let squareDecay = 0.999
  private let epsilon = 1e-8
  private let weightDecay = 0.01

  init(kind: OuterOptimizerKind, rate: Double) {
    self.kind = kind
    self.rate = rate
  }

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
    let count = parameter.count
    let zeros = kind.momentNames.map { _ in [Double](repeating: 0, count: count) }
    // Taken out of the table, because a second reference would make changing them a copy.
    var state = moments.removeValue(forKey: name) ?? zeros
    defer { moments[name] = kind.momentNames.isEmpty ? nil : state }
    let slopes = try gradient.elements(as: type)
    try parameter.withUnsafeMutableElements(of: type) { values in
      switch kind {
      case .sgd:
        for i in values.indices {
          values[i] = Element(Double(values[i]) - rate * Double(slopes[i]))
        }
      case .momentum, .nesterov:
        for i in values.indices {
          let slope = Double(slopes[i])
          state[0][i] = decay * state[0][i] + slope
          let direction = kind == .momentum ? state[0][i] : slope + decay * state[0][i]
          values[i] = Element(Double(values[i]) - rate * direction)
        }
      case .rmsprop:
        for i in values.indices {
          let slope = Double(slopes[i])
          state[0][i] = decay * state[0][i] + (1 - decay) * slope * slope
          let direction = slope / (state[0][i].squareRoot() + epsilon)
          values[i] = Element(Double(values[i]) - rate * direction)
        }
      case .adam, .adamw:
        let pull = kind == .adamw ? weightDecay : 0
        let meanScale = 1 / (1 - pow(decay, Double(step)))
        let squareScale = 1 / (1 - pow(squareDecay, Double(step)))
        for i in values.indices {
          let slope = Double(slopes[i])
          let value = Double(values[i])
          state[0][i] = decay * state[0][i] + (1 - decay) * slope
          state[1][i] = squareDecay * state[1][i] + (1 - squareDecay) * slope * slope
          let size = (state[1][i] * squareScale).squareRoot() + epsilon
          let direction = state[0][i] * meanScale / size + pull * value
          values[i] = Element(value - rate * direction)
        }
      }
    }
  }
}
