// SPDX-License-Identifier: Apache-2.0
//
// Powers. An exponent known at build time becomes products and roots where that is exact and cheap,
// which also gives the derivative at zero its right value; other powers use the IR's `power`.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// Whole exponents up to this one are written as products.
  private static let largestProduct = 16

  /// `lhs ** rhs`. The exponent may be an array of whole numbers: `beta ** step`.
  func power(at place: Span, _ lhs: Operand, _ rhs: Operand) throws -> Tensor {
    if let exponent = rhs.value.number {
      let base = try tensor(lhs)
      guard base.dtype != .bool else {
        throw fail(
          .elementTypes(op: "'**'", lhs: lhs.value.spelling, rhs: rhs.value.spelling), at: place,
          operands: [lhs, rhs],
          help: "float(...) converts whole numbers and conditions to floats")
      }
      if let special = power(base, exponent) { return special }
    }
    var exponent = rhs
    if case .tensor(let tensor) = rhs.value, tensor.dtype == .i32 {
      exponent = Operand(
        expression: rhs.expression, value: .tensor(emitter.convert(tensor, to: floatType)))
    }
    let (a, b) = try unified("'**'", at: place, lhs, exponent)
    guard a.dtype.isFloat else {
      throw fail(
        .floatsNeeded(lhs.value.kind), at: place, operands: [lhs, rhs],
        help: "float(...) converts")
    }
    return emitter.binary(.power, a, b)
  }

  /// The power by products and roots, or nil if the exponent is not one of the simple ones.
  private func power(_ base: Tensor, _ exponent: Double) -> Tensor? {
    if let whole = Int(exactly: exponent), abs(whole) <= Self.largestProduct {
      if whole >= 0 { return product(base, whole) }
      guard base.dtype.isFloat else { return nil }
      return emitter.binary(.divide, emitter.constant(1, base.type), product(base, -whole))
    }
    guard base.dtype.isFloat else { return nil }
    if exponent == 0.5 { return emitter.unary(.sqrt, base) }
    if exponent == -0.5 { return emitter.unary(.rsqrt, base) }
    return nil
  }

  /// `base` multiplied `count` times, by repeated squaring.
  private func product(_ base: Tensor, _ count: Int) -> Tensor {
    guard count > 0 else { return emitter.constant(1, base.type) }
    guard count > 1 else { return base }
    let half = product(base, count / 2)
    let square = emitter.binary(.multiply, half, half)
    return count.isMultiple(of: 2) ? square : emitter.binary(.multiply, square, base)
  }
}
