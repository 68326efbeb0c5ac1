// SPDX-License-Identifier: Apache-2.0
//
// Moving inputs: along a direction, for differences, and a little to the side, off a kink.

import MixFuseRuntime

/// One number for each element of some arrays, by their names.
typealias Direction = [String: [Double]]

extension NamedArrays {
  /// The arrays, `distance` away along a direction.
  ///
  /// - Throws: `RuntimeError`.
  func moved(_ distance: Double, along direction: Direction) throws(RuntimeError) -> NamedArrays {
    var result = self
    for (name, change) in direction {
      let array = try array(name)
      let values = zip(array.doubles(), change).map { $0 + distance * $1 }
      result[name] = try NDArray(values, shape: array.shape)
    }
    return result
  }

  /// A direction of random sizes: each element normal, times the root mean square of its array, or 1
  /// for an array of zeros.
  ///
  /// - Parameter gradients: an array for some names. There each element has the sign of the
  ///   gradient's, so that no two errors of a gradient cancel in the slope.
  /// - Throws: `RuntimeError`.
  func direction(
    in names: [String], aligned gradients: Direction = [:], seed: UInt64
  ) throws(RuntimeError) -> Direction {
    var result: Direction = [:]
    for name in names {
      let values = try values(name)
      let size = rootMeanSquare(values)
      let scale = size > 0 && size.isFinite ? size : 1
      let draws = try randomArray(
        "direction of \(name)", count: values.count, seed: seed,
        .normal(mean: 0, deviation: 1))
      guard let gradient = gradients[name] else {
        result[name] = draws.map { $0 * scale }
        continue
      }
      result[name] = zip(draws, gradient).map { draw, slope in
        slope == 0 ? draw * scale : (slope < 0 ? -abs(draw) : abs(draw)) * scale
      }
    }
    return result
  }

  /// The arrays with the named ones about 1 % to the side, at random. What is nowhere negative, such
  /// as a variance, stays so.
  ///
  /// - Throws: `RuntimeError`.
  func besideKinks(_ names: [String], seed: UInt64) throws(RuntimeError) -> NamedArrays {
    let names = names.filter { self[$0]?.elementType.isFloatingPoint == true }
    var direction = try direction(in: names, seed: seed &+ 1)
    for name in names where try values(name).allSatisfy({ $0 >= 0 }) {
      direction[name] = direction[name]?.map(abs)
    }
    return try moved(1.0 / 128, along: direction)
  }
}

/// The root of the mean of the squares; 0 for no elements.
func rootMeanSquare(_ values: [Double]) -> Double {
  norm(values) / Double(max(values.count, 1)).squareRoot()
}
