// SPDX-License-Identifier: Apache-2.0
//
// The meaning of the elementwise functions on single numbers, in Double: what the interpreter
// computes for each element and what passes compute for constants. Kinks and special values are
// those of IEEE 754 unless a line below says otherwise.

import Foundation
import MixFuseShared

extension UnaryFunction {
  /// The function's value at `x`.
  package func callAsFunction(_ x: Double) -> Double {
    switch self {
    case .negate: -x
    case .exp: Foundation.exp(x)
    case .expm1: Foundation.expm1(x)
    case .log: Foundation.log(x)
    case .log1p: Foundation.log1p(x)
    case .sqrt: x.squareRoot()
    case .rsqrt: 1 / x.squareRoot()
    case .tanh: Foundation.tanh(x)
    case .logistic: 1 / (1 + Foundation.exp(-x))
    case .softplus: (x > 0 ? x : 0) + Foundation.log1p(Foundation.exp(-x.magnitude))
    case .sin: Foundation.sin(x)
    case .cos: Foundation.cos(x)
    case .erf: Foundation.erf(x)
    case .erfc: Foundation.erfc(x)
    case .asin: Foundation.asin(x)
    case .acos: Foundation.acos(x)
    case .atan: Foundation.atan(x)
    case .sinh: Foundation.sinh(x)
    case .cosh: Foundation.cosh(x)
    case .asinh: Foundation.asinh(x)
    case .acosh: Foundation.acosh(x)
    case .atanh: Foundation.atanh(x)
    case .abs: x.magnitude
    case .sign: x > 0 ? 1 : (x < 0 ? -1 : x)  // sign(0) = 0, sign(NaN) = NaN
    case .floor: x.rounded(.down)
    }
  }

  /// Whether every machine computes the same value, the exact one rounded once: IEEE 754 demands
  /// that of the basic operations only.
  package var isExactlyRounded: Bool {
    switch self {
    case .negate, .sqrt, .abs, .sign, .floor: true
    case .exp, .expm1, .log, .log1p, .rsqrt, .tanh, .logistic, .softplus, .sin, .cos, .erf, .erfc,
      .asin, .acos, .atan, .sinh, .cosh, .asinh, .acosh, .atanh:
      false
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
    case .floorDivide: y == 0 ? 0 : (x / y).rounded(.down)  // exact where both are i32
    }
  }

  /// The function's value on two i32 numbers: what does not fit into 32 bits wraps around.
  package func wrapping(_ x: Double, _ y: Double) -> Double {
    guard let a = Int32(exactly: x), let b = Int32(exactly: y) else { return self(x, y) }
    return switch self {
    case .add: Double(a &+ b)
    case .subtract: Double(a &- b)
    case .multiply: Double(a &* b)
    // The quotient that is too large is that of the least i32 and -1.
    case .floorDivide: b == -1 ? Double(0 &- a) : self(x, y)
    case .divide, .power, .maximum, .minimum: self(x, y)
    }
  }

  /// Whether every machine computes the same value; see `UnaryFunction.isExactlyRounded`.
  package var isExactlyRounded: Bool {
    switch self {
    case .add, .subtract, .multiply, .divide, .maximum, .minimum, .floorDivide: true
    case .power: false
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

extension ThreefryWord {
  /// The word of four i32 numbers: two of a key, two of a counter.
  package func callAsFunction(_ numbers: [Double]) -> Double {
    let words = numbers.map { UInt32(bitPattern: Int32($0)) }
    let block = Threefry.block(key: (words[0], words[1]), counter: (words[2], words[3]))
    let word =
      switch self {
      case .first: block.0
      case .second: block.1
      case .both: block.0 ^ block.1
      }
    return Double(Int32(bitPattern: word))
  }
}

extension DType {
  /// `x` converted to this type: to i32 towards zero, to bool as `x != 0`. NaN and what no i32 can
  /// hold become the least i32. Between float types nothing happens here, for how floats are held is
  /// up to whoever computes with them.
  package func converted(_ x: Double) -> Double {
    switch self {
    case .f32, .f64: x
    case .i32: Int32(exactly: x.rounded(.towardZero)).map(Double.init) ?? Double(Int32.min)
    case .bool: x != 0 ? 1 : 0
    }
  }
}

extension Reduction {
  /// What an accumulator of the given type starts from.
  package func neutralElement(of dtype: DType) -> Double {
    switch self {
    case .sum: 0
    case .maximum: dtype.isFloat ? -.infinity : Double(Int32.min)
    }
  }
}
