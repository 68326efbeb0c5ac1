// SPDX-License-Identifier: Apache-2.0
//
// How the interpreter rounds. Arithmetic is always done on Double; in Float32 precision the result
// of every elementary operation is rounded to Float. For + - * / and sqrt that is exactly what a
// Float32 machine computes (53 >= 2 * 24 + 2 bits, so rounding twice does no harm); for the other
// functions it is the correctly rounded result, a little better than any real library.
//
// One such run is one draw of luck: a sum may happen to be exact here and off by a bit in a program
// that adds in another order. The perturbed precisions measure what rounding can do: each computed
// number is moved by up to a unit in its last place, whether it was exact or not, so that what
// cancels here by luck does not cancel.
// Source: Parker, "Monte Carlo arithmetic", 1997.

import MixFuseShared
import TensorIR

/// The arithmetic in which a program is interpreted, whatever float types it declares.
package enum Precision: Hashable, Sendable {
  /// Every float value is a Double.
  case float64
  /// Every float value is a Float: inputs, the result of each operation, and each partial sum.
  case float32
  /// As `float64`, each result moved at random by up to 2^-52 of its size.
  case perturbed64(Perturbation)
  /// As `float32`, each result moved before it is rounded by up to 2^-24 of its size.
  case perturbed32(Perturbation)

  /// `x` as this precision holds it.
  func rounded(_ x: Double) -> Double {
    switch self {
    case .float64, .perturbed64: x
    case .float32, .perturbed32: Double(Float(x))
    }
  }

  /// The result `x` of an operation that rounds.
  ///
  /// Whole numbers stay as they are: counts, positions and the steps of `floor` are exact in any
  /// program.
  func computed(_ x: Double) -> Double {
    switch self {
    case .float64: x
    case .float32: Double(Float(x))
    case .perturbed64(let noise): Self.isWhole(x) ? x : x + x * noise(x) * 0x1p-52
    case .perturbed32(let noise):
      Self.isWhole(x) ? Double(Float(x)) : Double(Float(x + x * noise(x) * 0x1p-24))
    }
  }

  /// The precision for values of `dtype`: i32 and bool are exact as Double and never rounded.
  func appropriate(for dtype: DType) -> Precision { dtype.isFloat ? self : .float64 }

  /// The precision for one node of a graph, by its position.
  func within(node index: Int) -> Precision {
    switch self {
    case .float64, .float32: self
    case .perturbed64(let noise): .perturbed64(noise.within(node: index))
    case .perturbed32(let noise): .perturbed32(noise.within(node: index))
    }
  }

  private static func isWhole(_ x: Double) -> Bool { x == x.rounded() }
}

/// One way in which results are moved.
package struct Perturbation: Hashable, Sendable {
  private var salt: UInt64
  private let isByNode: Bool

  /// - Parameters:
  ///   - draw: which of the many ways.
  ///   - isByNode: whether the same number is moved otherwise by each node that computes it, as
  ///     where a program computes a value twice and not in the same order. If not, equal numbers
  ///     stay equal, and a comparison or a maximum of two of them goes the way it went.
  package init(draw: Int, isByNode: Bool = false) {
    salt = SplitMix64.mixed(UInt64(truncatingIfNeeded: draw) &+ 1)
    self.isByNode = isByNode
  }

  /// A number in [-1, 1) that depends on the bits of `x`.
  func callAsFunction(_ x: Double) -> Double {
    Double(Int64(bitPattern: SplitMix64.mixed(x.bitPattern ^ salt))) * 0x1p-63
  }

  func within(node index: Int) -> Perturbation {
    guard isByNode else { return self }
    var result = self
    result.salt = SplitMix64.mixed(salt ^ UInt64(index))
    return result
  }
}
