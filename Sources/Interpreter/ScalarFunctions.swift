// SPDX-License-Identifier: Apache-2.0
//
// The meaning of the elementwise functions on single numbers, in Double. Kinks and special values
// are those of IEEE 754 unless a line below says otherwise.

import Foundation
package import TensorIR

extension UnaryFunction {
  /// The function's value at `x`.
  package func callAsFunction(_ x: Double) -> Double {
    switch self {
    case .negate: -x
    case .exp: Foundation.exp(x)
    case .log: Foundation.log(x)
    case .sqrt: x.squareRoot()
    case .rsqrt: 1 / x.squareRoot()
    case .tanh: Foundation.tanh(x)
    case .logistic: 1 / (1 + Foundation.exp(-x))
    case .sin: Foundation.sin(x)
    case .cos: Foundation.cos(x)
    case .erf: Foundation.erf(x)
    case .abs: x.magnitude
    case .sign: x > 0 ? 1 : (x < 0 ? -1 : x)  // sign(0) = 0, sign(NaN) = NaN
    case .floor: x.rounded(.down)
    }
  }
}

extension BinaryFunction {
  /// The function's value at `(x, y)`.
  package func callAsFunction(_ x: Double, _ y: Double) -> Double {
    switch self {
    case .add: x + y
    case .subtract: x - y
    case .multiply: x * y
    case .divide: x / y
    case .power: Foundation.pow(x, y)
    case .maximum: x > y || x.isNaN ? x : y  // NaN in either gives NaN
    case .minimum: x < y || x.isNaN ? x : y
    }
  }
}

extension Comparison {
  /// Whether the comparison holds; every comparison with NaN but `notEqual` is false.
  package func callAsFunction(_ x: Double, _ y: Double) -> Bool {
    switch self {
    case .less: x < y
    case .lessOrEqual: x <= y
    case .greater: x > y
    case .greaterOrEqual: x >= y
    case .equal: x == y
    case .notEqual: x != y
    }
  }
}

extension DType {
  /// `x` converted to this type: to i32 towards zero, to bool as `x != 0`. Between float types
  /// nothing happens here, for `Precision` decides how floats are held.
  package func converted(_ x: Double) -> Double {
    switch self {
    case .f32, .f64: x
    case .i32: x.rounded(.towardZero)
    case .bool: x != 0 ? 1 : 0
    }
  }
}
