// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic on constants at compile time, for `SimplifyAlgebra`. Only functions that IEEE 754
// rounds exactly are folded; the value of `exp` and its like belongs to the machine that runs the
// kernels. Constants are kept as Double and rounded to the program's float type when C is written.

import TensorIR

/// The value of an elementwise op on constants; `nil` if it is not to be folded.
func folded(_ op: Op, _ arguments: [Double], dtype: DType) -> Double? {
  guard !arguments.contains(where: \.isNaN),
    let value = exactValue(op, arguments, dtype: dtype), !value.isNaN
  else { return nil }
  return value
}

private func exactValue(_ op: Op, _ arguments: [Double], dtype: DType) -> Double? {
  switch op {
  case .unary(let function): exactValue(function, arguments[0])
  case .binary(let function): exactValue(function, arguments[0], arguments[1])
  case .compare(let comparison): holds(comparison, arguments[0], arguments[1]) ? 1 : 0
  case .select: arguments[0] != 0 ? arguments[1] : arguments[2]
  case .convert(let target): converted(arguments[0], from: dtype, to: target)
  case .stopGradient: arguments[0]
  default: nil  // Not elementwise.
  }
}

private func exactValue(_ function: UnaryFunction, _ x: Double) -> Double? {
  switch function {
  case .negate: -x
  case .abs: x.magnitude
  case .sign: x > 0 ? 1 : (x < 0 ? -1 : x)
  case .floor: x.rounded(.down)
  case .sqrt: x.squareRoot()
  case .exp, .log, .rsqrt, .tanh, .logistic, .sin, .cos, .erf: nil
  }
}

private func exactValue(_ function: BinaryFunction, _ x: Double, _ y: Double) -> Double? {
  switch function {
  case .add: x + y
  case .subtract: x - y
  case .multiply: x * y
  case .divide: x / y
  case .maximum: max(x, y)
  case .minimum: min(x, y)
  case .power: nil
  }
}

private func holds(_ comparison: Comparison, _ x: Double, _ y: Double) -> Bool {
  switch comparison {
  case .less: x < y
  case .lessOrEqual: x <= y
  case .greater: x > y
  case .greaterOrEqual: x >= y
  case .equal: x == y
  case .notEqual: x != y
  }
}

/// Conversions that no rounding to the source type could change.
private func converted(_ x: Double, from source: DType, to target: DType) -> Double? {
  if source == .f32 && Double(Float(x)) != x { return nil }
  switch target {
  case .f32, .f64: return x
  case .i32: return x.magnitude < 0x1p31 ? x.rounded(.towardZero) : nil
  case .bool: return x != 0 ? 1 : 0
  }
}
