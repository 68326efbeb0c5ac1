// SPDX-License-Identifier: Apache-2.0
//
// One axis of a plot: from values to places, and where the ticks stand.

import Foundation

/// The scale of one axis.
struct PlotAxis: Equatable {
  /// The ends of the axis, `low < high`.
  let low: Double, high: Double
  /// Whether equal distances are equal ratios.
  let isLogarithmic: Bool

  /// Values that span more than this factor are easier to read on a logarithmic axis.
  private static let logarithmicRatio = 10.0
  /// Room beyond the outermost values, as a part of the axis.
  private static let margin = 0.05

  /// An axis for values between two bounds, both finite.
  ///
  /// - Parameter mayBeLogarithmic: whether to change to a logarithmic scale where that helps.
  init(from minimum: Double, to maximum: Double, mayBeLogarithmic: Bool) {
    if mayBeLogarithmic && minimum > 0 && maximum / minimum > Self.logarithmicRatio {
      isLogarithmic = true
      let factor = pow(maximum / minimum, Self.margin)
      low = minimum / factor
      high = maximum * factor
    } else {
      isLogarithmic = false
      let range = maximum - minimum
      let room = range > 0 ? range * Self.margin : max(abs(maximum) * 0.1, 1e-6)
      low = minimum - room
      high = maximum + room
    }
  }

  /// An axis with exactly these ends, linear.
  init(low: Double, high: Double) {
    self.low = low
    self.high = high
    isLogarithmic = false
  }

  /// The place of a value: 0 at the low end, 1 at the high end.
  func position(_ value: Double) -> Double {
    isLogarithmic ? log(value / low) / log(high / low) : (value - low) / (high - low)
  }

  /// Four to ten round values on the axis, in order.
  var ticks: [Double] {
    isLogarithmic ? logarithmicTicks : linearTicks
  }

  /// Multiples of 1, 2 or 5 times a power of ten.
  private var linearTicks: [Double] {
    let rough = (high - low) / 5
    let power = pow(10, log10(rough).rounded(.down))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? 10 * power
    let first = Int((low / step).rounded(.up))
    let last = Int((high / step).rounded(.down))
    guard first <= last else { return [] }
    // Dividing keeps 0.3 from becoming 0.30000000000000004.
    return (first...last).map { step < 1 ? Double($0) / (1 / step) : Double($0) * step }
  }

  /// Powers of ten, with their multiples by 2 and 5 between them on a short axis.
  private var logarithmicTicks: [Double] {
    let exponents = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up))
    let decades = log10(high / low)
    let factors = decades < 3 ? [1.0, 2, 5] : [1]
    let stride = max(1, Int((decades / 8).rounded(.up)))
    return exponents.filter { $0 % stride == 0 }.flatMap { exponent in
      factors.map { $0 * pow(10, Double(exponent)) }
    }.filter { low <= $0 && $0 <= high }
  }
}
