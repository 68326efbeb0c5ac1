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
  case .unary(let function): function.isExactlyRounded ? function(arguments[0]) : nil
  case .binary(let function) where dtype == .i32: function.wrapping(arguments[0], arguments[1])
  case .binary(let function):
    function.isExactlyRounded ? function(arguments[0], arguments[1]) : nil
  case .compare(let comparison): comparison(arguments[0], arguments[1]) ? 1 : 0
  case .select: arguments[0] != 0 ? arguments[1] : arguments[2]
  case .convert(let target): converted(arguments[0], from: dtype, to: target)
  case .stopGradient: arguments[0]
  case .threefry(let word): word(arguments)
  default: nil  // Not elementwise.
  }
}

/// Conversions that no rounding to the source type could change.
private func converted(_ x: Double, from source: DType, to target: DType) -> Double? {
  if source == .f32 && Double(Float(x)) != x { return nil }
  if target == .i32 && x.magnitude >= 0x1p31 { return nil }
  return target.converted(x)
}
