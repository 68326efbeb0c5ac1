// SPDX-License-Identifier: Apache-2.0
//
// Inputs on purpose where programs are wrong most often: parameters of zero, values that tie, values
// so large that functions saturate, labels that are all the same. Only what the spec's own
// initialisers could have drawn is taken: a rate that is `constant(0.1)` stays 0.1.

import Foundation
import MixFuseRuntime
import TensorIR

/// A kind of special inputs.
enum SpecialInputs: String, CaseIterable {
  /// Parameters are zero; integers are the lowest there are.
  case zeros
  /// Numbers are rounded so coarsely that many are equal; integers are the highest there are.
  case ties
  /// Numbers are 4 times as large, or at the ends of their interval.
  case large

  /// What it is, for the report.
  var title: String {
    switch self {
    case .zeros: "parameters of zero, the lowest labels"
    case .ties: "ties, the highest labels"
    case .large: "saturated"
    }
  }

  /// The array as this kind has it.
  ///
  /// - Parameter isParameter: whether it is a parameter rather than data.
  /// - Throws: `memoryExhausted`.
  func array(
    from drawn: NDArray, _ initializer: Initializer?, isParameter: Bool
  ) throws(RuntimeError) -> NDArray {
    guard let initializer, let value = value(initializer, drawn, isParameter) else { return drawn }
    let values = try NDArray(drawn.doubles().map(value), shape: drawn.shape)
    // Whole numbers stay such: as floats they would be rounded to the library's type.
    return drawn.elementType.isFloatingPoint
      ? values : try values.converted(to: drawn.elementType, name: "special inputs")
  }

  /// What becomes of each element; nil if the initialiser leaves no choice.
  private func value(
    _ initializer: Initializer, _ drawn: NDArray, _ isParameter: Bool
  ) -> ((Double) -> Double)? {
    switch initializer {
    case .normal, .he, .glorot: return centred(drawn, isParameter)
    case .uniform(let low, let high): return within(low, high, isParameter)
    case .integers(let low, let high):
      switch self {
      case .zeros: return { _ in low }
      case .ties: return { _ in high - 1 }
      case .large: return nil
      }
    case .constant, .iota, .ones, .zeros: return nil
    }
  }

  private func centred(_ drawn: NDArray, _ isParameter: Bool) -> ((Double) -> Double)? {
    let size = rootMeanSquare(drawn.doubles())
    // A power of 2, so that sums and products are exact and ties stay ties in any float type.
    let unit = size > 0 && size.isFinite ? exp2(log2(size).rounded()) : 0
    switch self {
    case .zeros: return isParameter ? { _ in 0 } : nil
    case .ties: return unit > 0 ? { unit * ($0 / unit).rounded() } : nil
    case .large: return { 4 * $0 }
    }
  }

  private func within(
    _ low: Double, _ high: Double, _ isParameter: Bool
  ) -> ((Double) -> Double)? {
    // An f32 just below `high` may round up to it.
    let (width, last) = (high - low, low + 0.99 * (high - low))
    switch self {
    case .zeros: return isParameter && low <= 0 && high > 0 ? { _ in 0 } : nil
    case .ties:
      return width > 0 ? { low + width / 4 * (4 * ($0 - low) / width).rounded(.down) } : nil
    case .large: return { $0 < low + width / 2 ? low : last }
    }
  }
}
