// SPDX-License-Identifier: Apache-2.0
//
// How the interpreter rounds. Arithmetic is always done on Double; in Float32 precision the result
// of every elementary operation is rounded to Float. For + - * / and sqrt that is exactly what a
// Float32 machine computes (53 >= 2 * 24 + 2 bits, so rounding twice does no harm); for the other
// functions it is the correctly rounded result, a little better than any real library.

import TensorIR

/// The arithmetic in which a program is interpreted, whatever float types it declares.
package enum Precision: String, Hashable, Sendable, CaseIterable {
  /// Every float value is a Double.
  case float64
  /// Every float value is a Float: inputs, the result of each operation, and each partial sum.
  case float32

  /// `x` as this precision holds it.
  func rounded(_ x: Double) -> Double {
    switch self {
    case .float64: x
    case .float32: Double(Float(x))
    }
  }

  /// The precision for values of `dtype`: i32 and bool are exact as Double and never rounded.
  func appropriate(for dtype: DType) -> Precision { dtype.isFloat ? self : .float64 }
}
