// SPDX-License-Identifier: Apache-2.0
//
// How far two arrays are apart, and random arrays near a given one. All of verification measures
// with these few functions.

import MixFuseRuntime

/// The distance of an array from the one it should be.
package struct ArrayError: Sendable {
  /// The largest absolute difference of two elements; infinite if one of the two is not finite.
  package let maximum: Double
  /// The norm of the difference; infinite likewise.
  package let distance: Double
  /// The norm of the difference over the norm of the expected array; 0 if both are zero.
  package let relative: Double

  fileprivate init(maximum: Double, distance: Double, relative: Double) {
    (self.maximum, self.distance, self.relative) = (maximum, distance, relative)
  }

  /// Measures `found` against `expected`, which has as many elements.
  package init(_ found: [Double], expected: [Double]) {
    precondition(found.count == expected.count, "compiler bug: comparing different arrays")
    let differences = zip(found, expected).map { $0 == $1 ? 0 : abs($0 - $1) }
    guard differences.allSatisfy(\.isFinite) else {
      (maximum, distance, relative) = (.infinity, .infinity, .infinity)
      return
    }
    maximum = differences.max() ?? 0
    distance = norm(differences)
    relative = maximum == 0 ? 0 : distance / norm(expected)
  }
}

extension ArrayError {
  /// What is left of the error beyond a part of it, whose norm is given.
  func less(_ part: Double) -> ArrayError {
    guard distance.isFinite && distance > 0 else { return self }
    let share = max(0, distance - part) / distance
    return ArrayError(
      maximum: share * maximum, distance: share * distance, relative: share * relative)
  }
}

/// The Euclidean norm.
func norm(_ values: [Double]) -> Double {
  values.reduce(0) { $0 + $1 * $1 }.squareRoot()
}

/// The Euclidean inner product.
func dot(_ lhs: [Double], _ rhs: [Double]) -> Double {
  zip(lhs, rhs).reduce(0) { $0 + $1.0 * $1.1 }
}

extension NamedArrays {
  /// The elements of an array as doubles.
  ///
  /// - Throws: `arrayUnknown`.
  func values(_ name: String) throws(RuntimeError) -> [Double] {
    try array(name).doubles()
  }

  /// The arrays with every floating-point element rounded to f32, held as before.
  ///
  /// - Throws: `memoryExhausted`.
  func roundedToFloat32() throws(RuntimeError) -> NamedArrays {
    try mapFloatingPoint { name, values in values.map { Double(Float($0)) } }
  }

  /// The arrays with every floating-point element changed by a relative `size`, up or down at
  /// random.
  ///
  /// - Parameter draw: which of the many noises; the same one is the same every time.
  /// - Throws: `memoryExhausted`.
  func withNoise(size: Double, draw: Int, seed: UInt64) throws(RuntimeError) -> NamedArrays {
    try mapFloatingPoint { name, values throws(RuntimeError) in
      let signs = try randomArray(
        "noise \(draw) of \(name)", count: values.count, seed: seed,
        .uniform(low: -1, high: 1))
      return zip(values, signs).map { $0 * (1 + ($1 < 0 ? -size : size)) }
    }
  }

  private func mapFloatingPoint(
    _ transform: (String, [Double]) throws(RuntimeError) -> [Double]
  ) throws(RuntimeError) -> NamedArrays {
    var result = self
    for (name, array) in self where array.elementType.isFloatingPoint {
      result[name] = try NDArray(transform(name, array.doubles()), shape: array.shape)
    }
    return result
  }
}

/// Random numbers that depend on the seed and a name only.
///
/// - Throws: `memoryExhausted`.
func randomArray(
  _ name: String, count: Int, seed: UInt64, _ initializer: Initializer
) throws(RuntimeError) -> [Double] {
  let description = Manifest.ArrayDescription(
    name: name, cName: name, elementType: .float64, shape: [count],
    initializer: initializer)
  return try InputSampler(seed: seed).draw(description).doubles()
}
