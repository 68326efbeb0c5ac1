// SPDX-License-Identifier: Apache-2.0
//
// `mod(a, b)`, with the sign of `b` as in Python and NumPy. Of floats it is `a - b * floor(a / b)`, with
// the derivatives 1 and `-floor(a / b)`. Of whole numbers it is exact, and 0 for `b = 0`.

import Diagnostics
import Foundation
import SpecLanguage
import TensorIR

extension Elaborator {
  func remainder(at place: Span, _ lhs: Operand, _ rhs: Operand) throws -> Value {
    if case .integer(let a) = lhs.value, case .integer(let b) = rhs.value, b != 0 {
      // `%` traps where the quotient overflows: of the least number over -1.
      let rest = b == -1 ? 0 : a % b
      return .integer(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest)
    }
    if let a = lhs.value.number, let b = rhs.value.number {
      return .real(a - b * (a / b).rounded(.down))
    }
    if let paired = try pairLeaves(at: place, lhs, rhs, { try remainder(at: place, $0, $1) }) {
      return paired
    }
    let (a, b) = try unified("mod", at: place, lhs, rhs)
    return .tensor(a.dtype.isFloat ? floatRemainder(a, b) : wholeRemainder(a, b))
  }

  private func floatRemainder(_ a: Tensor, _ b: Tensor) -> Tensor {
    let quotient = emitter.unary(.floor, emitter.binary(.divide, a, b))
    return emitter.binary(.subtract, a, emitter.binary(.multiply, b, quotient))
  }

  /// By quotients of floats, which in f32 are rough: the first leaves a rest of about `b` or a few
  /// hundred, whichever is more, the second one that is at most one `b` off. Products and differences of
  /// whole numbers wrap around, so what does not fit on the way is no harm.
  private func wholeRemainder(_ a: Tensor, _ b: Tensor) -> Tensor {
    let zero = emitter.constant(0, b.type)
    let isZero = emitter.add(.compare(.equal), b, zero)
    let divisor = emitter.add(.select, isZero, emitter.constant(1, b.type), b)
    let rest = reduced(reduced(a, by: divisor), by: divisor)
    let isBelow = emitter.add(
      .select, emitter.add(.compare(.greater), divisor, zero), sign(rest, .less),
      sign(rest, .greater))
    return emitter.binary(.add, rest, emitter.binary(.multiply, isBelow, divisor))
  }

  private func reduced(_ a: Tensor, by b: Tensor) -> Tensor {
    let quotient = emitter.binary(
      .divide, emitter.convert(a, to: floatType), emitter.convert(b, to: floatType))
    let whole = emitter.convert(emitter.unary(.floor, quotient), to: .i32)
    return emitter.binary(.subtract, a, emitter.binary(.multiply, whole, b))
  }

  /// 1 where `x` compares so with 0, else 0.
  private func sign(_ x: Tensor, _ comparison: Comparison) -> Tensor {
    let zero = emitter.constant(0, x.type)
    return emitter.add(
      .select, emitter.add(.compare(comparison), x, zero), emitter.constant(1, x.type), zero)
  }
}
