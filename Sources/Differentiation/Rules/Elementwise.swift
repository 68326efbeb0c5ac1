// SPDX-License-Identifier: Apache-2.0
//
// Rules of the elementwise ops. `x` and `a`, `b` are operands, `y` is the result.
//
// Kinks and poles are decided here, once; LANGUAGE.md tells users what is decided.
//   - relu is elaborated to `select(x <= 0, 0, x)`, so `relu'(0) = 0`.
//   - Where a function is finite but a derivative of it is not (sqrt at 0), that derivative counts as
//     0. The pole is kept out of the formula by a second select (its operand is replaced by a
//     harmless number), not only masked out of the result: a masked infinity times a zero adjoint
//     would be NaN in the next order of derivative. See Note [Guarded poles].
//   - A guard holds at the pole and nowhere else. Where a formula is finite it stays as it is, so
//     that its own derivatives are right; see Note [Powers at base 0].
//   - Where a function is NaN, so are its derivatives: what has failed must not look like success.

import TensorIR

/// The rule of a scalar function of one argument.
func unaryRule(_ function: UnaryFunction) -> DerivativeRule {
  switch function {
  case .negate: unary { _, _ in .number(-1) }
  case .exp: unary { _, y in .array(y) }
  case .expm1: unary { x, _ in .array(x.applying(.exp)) }
  case .log: unary { x, _ in .array(one(ifNotBelow: 0, x) / x) }
  case .log1p: unary { x, _ in .array(one(ifNotBelow: -1, x) / (1 + x)) }
  case .sqrt: unary { x, y in .array(squareRootPartial(x, y)) }
  case .rsqrt: unary { x, y in .array(-0.5 * (y / x)) }
  case .tanh: unary { _, y in .array(1 - y * y) }
  case .logistic: unary { _, y in .array(y * (1 - y)) }
  case .softplus: unary { x, _ in .array(x.applying(.logistic)) }
  case .sin: unary { x, _ in .array(x.applying(.cos)) }
  case .cos: unary { x, _ in .array(-x.applying(.sin)) }
  case .erf: unary { x, _ in .array(twoOverSquareRootOfPi * (-(x * x)).applying(.exp)) }
  case .erfc: unary { x, _ in .array(-twoOverSquareRootOfPi * (-(x * x)).applying(.exp)) }
  case .asin: unary { x, _ in .array(arcPartial(x)) }
  case .acos: unary { x, _ in .array(-arcPartial(x)) }
  case .atan: unary { x, _ in .array(1 / (1 + x * x)) }
  case .sinh: unary { x, _ in .array(x.applying(.cosh)) }
  case .cosh: unary { x, _ in .array(x.applying(.sinh)) }
  case .asinh: unary { x, _ in .array((1 + x * x).applying(.rsqrt)) }
  case .acosh: unary { x, _ in .array(inverseCosinePartial(x)) }
  case .atanh: unary { x, _ in .array(inverseTangentPartial(x)) }
  case .abs: unary { x, _ in .array(x.applying(.sign)) }
  case .sign: .constant(reason: "sign is piecewise constant")
  case .floor: .constant(reason: "floor is piecewise constant")
  }
}

/// The rule of a scalar function of two arguments.
func binaryRule(_ function: BinaryFunction) -> DerivativeRule {
  switch function {
  case .add: binary(lhs: { _, _, _ in .number(1) }, rhs: { _, _, _ in .number(1) })
  case .subtract: binary(lhs: { _, _, _ in .number(1) }, rhs: { _, _, _ in .number(-1) })
  case .multiply:
    .bilinear(
      lhs: { scope, adjoint in scope.builder.multiply(adjoint, scope.operands[1]) },
      rhs: { scope, adjoint in scope.builder.multiply(adjoint, scope.operands[0]) })
  case .divide:
    binary(lhs: { _, b, _ in .array(1 / b) }, rhs: { _, b, y in .array(-(y * (1 / b))) })
  case .power:
    binary(
      lhs: { a, b, _ in .array(powerBasePartial(a, b)) },
      rhs: { a, b, y in .array(powerExponentPartial(a, b, y)) })
  case .maximum:
    binary(
      lhs: { a, b, y in .array(shareOfWinner(a, .greater, b, y)) },
      rhs: { a, b, y in .array(shareOfWinner(b, .greater, a, y)) })
  case .minimum:
    binary(
      lhs: { a, b, y in .array(shareOfWinner(a, .less, b, y)) },
      rhs: { a, b, y in .array(shareOfWinner(b, .less, a, y)) })
  case .floorDivide: .constant(reason: "whole numbers have no derivative")
  }
}

/// `select(c, a, b)` is linear in `a` and `b` together; each gets the adjoint where it was taken.
var selectRule: DerivativeRule {
  .linear(steering: [0]) { scope, adjoint, operand in
    let zero = scope.builder.constant(0, like: adjoint)
    let condition = scope.operands[0]
    return operand == 1
      ? scope.builder.select(condition, adjoint, zero)
      : scope.builder.select(condition, zero, adjoint)
  }
}

/// Conversions between float types are linear; to integers they are piecewise constant.
func convertRule(_ dtype: DType) -> DerivativeRule {
  guard dtype.isFloat else {
    return .constant(reason: "an integer or a truth value has no derivative")
  }
  return .linear { scope, adjoint, _ in
    scope.builder.convert(adjoint, to: scope.builder.type(of: scope.operands[0]).dtype)
  }
}

// MARK: Formulas

private let twoOverSquareRootOfPi = 1.1283791670955126

/// 1, and NaN where `x` is below the least number at which its function is defined.
private func one(ifNotBelow least: Double, _ x: Term) -> Term {
  let zero = x.filled(0)
  return 1 + 0 * x.filled(.infinity).where(x, .less, x.filled(least), else: zero)
}

/// `0.5 / y`, and 0 at `x = 0`: so Adam at `v = 0` has finite, correct gradients.
private func squareRootPartial(_ x: Term, _ y: Term) -> Term {
  let zero = x.filled(0)
  let safe = x.filled(1).where(x, .equal, zero, else: y)
  return zero.where(x, .equal, zero, else: 0.5 / safe)
}

/// `1 / sqrt(1 - x^2)`, and 0 at -1 and 1. What is under the root is a product where `1 - x * x` would
/// cancel, and not where the derivative of the product would.
private func arcPartial(_ x: Term) -> Term {
  let (zero, square) = (x.filled(0), x * x)
  let rest = (1 - square).where(square, .less, x.filled(0.25), else: (1 - x) * (1 + x))
  let safe = x.filled(1).where(rest, .equal, zero, else: rest)
  return zero.where(rest, .equal, zero, else: safe.applying(.rsqrt))
}

/// `1 / sqrt(x^2 - 1)`, and 0 at 1.
private func inverseCosinePartial(_ x: Term) -> Term {
  let pole = x.filled(1)
  let safe = pole.where(x, .equal, pole, else: (x - 1) * (1 + x))
  return x.filled(0)
    .where(x, .equal, pole, else: one(ifNotBelow: 1, x) * safe.applying(.rsqrt))
}

/// `1 / (1 - x^2)`; as the sum of its partial fractions where it may be infinite, and not where the
/// derivative of that sum would cancel.
private func inverseTangentPartial(_ x: Term) -> Term {
  let (square, limit) = (x * x, x.filled(0.25))
  let near = x.where(square, .less, limit, else: x.filled(0))
  let sum = 0.5 * (1 / (1 + x) + 1 / (1 - x))
  let partial = (1 / (1 - near * near)).where(square, .less, limit, else: sum)
  return one(ifNotBelow: -1, -x.applying(.abs)) * partial
}

/// `b * a^(b - 1)`; at `a = 0` with `0 <= b <= 1`, where that or its derivative has a pole, 1 if
/// `b = 1` and else 0.
private func powerBasePartial(_ a: Term, _ b: Term) -> Term {
  let (zero, one) = (a.filled(0), a.filled(1))
  let suspect = a.where(b * (1 - b), .greaterOrEqual, zero, else: one)
  let safe = one.where(suspect, .equal, zero, else: a)
  return b.applying(.floor).where(suspect, .equal, zero, else: b * safe.power(b - 1))
}

/// `log(a) * y`, and 0 at `a = 0` with `b >= 0`.
private func powerExponentPartial(_ a: Term, _ b: Term, _ y: Term) -> Term {
  let (zero, one) = (a.filled(0), a.filled(1))
  let suspect = a.where(b, .greaterOrEqual, zero, else: one)
  let safe = one.where(suspect, .equal, zero, else: a)
  return zero.where(suspect, .equal, zero, else: safe.applying(.log) * y)
}

/// 1 where `a` beats `b`, one half on a tie, 0 where it is beaten; NaN if one of them is.
private func shareOfWinner(_ a: Term, _ beats: Comparison, _ b: Term, _ y: Term) -> Term {
  let beaten = a.filled(0).where(b, beats, a, else: y.stopped)
  let shared = a.filled(0.5).where(a, .equal, b, else: beaten)
  return a.filled(1).where(a, beats, b, else: shared)
}

// MARK: Shorthands

private func unary(_ partial: @escaping (_ x: Term, _ y: Term) -> Factor) -> DerivativeRule {
  .partials { scope, _ in partial(scope.operand(0), scope.result) }
}

private func binary(
  lhs: @escaping (_ a: Term, _ b: Term, _ y: Term) -> Factor,
  rhs: @escaping (_ a: Term, _ b: Term, _ y: Term) -> Factor
) -> DerivativeRule {
  .partials { scope, operand in
    (operand == 0 ? lhs : rhs)(scope.operand(0), scope.operand(1), scope.result)
  }
}

// Note [Guarded poles]
//
// sqrt'(x) = select(x > 0, 0.5 / y, 0) is finite at 0, but its VJP is not: the adjoint that reaches
// `0.5 / y` is 0 there, and the partial of the division is -0.5 / y^2 = -inf, so y_adj = 0 * inf.
// With `safe = select(x > 0, y, 1)` inside, the division never sees the zero, at any order.

// Note [Powers at base 0]
//
// a^b is finite at a = 0 for b >= 0, but b a^(b-1) is not for 0 < b < 1, nor is 0 * 0^-1 at b = 0; and
// at b = 1 it is 1, but its derivative by b, a^(b-1) (1 + b log(a)), is -inf. Those are the poles, and
// no others: at b = 0 and a = 2 the mixed derivative is 1/a, whatever the derivative by a alone is. For
// b < 0 the power itself is infinite at a = 0, and so are its derivatives. The exponent is asked about
// first, so that all of this folds away for a constant exponent above 1.
