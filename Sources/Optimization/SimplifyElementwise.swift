// SPDX-License-Identifier: Apache-2.0
//
// Elementwise rules of `SimplifyAlgebra`. Canonical forms that the other rules rely on:
//   - a constant operand of a commutative op stands on the right,
//   - negations stand outside products, quotients and sums,
//   - an op on repeated arrays is done before they are repeated.

import TensorIR

extension Simplifier {
  func simplerElementwise(_ op: Op, _ operands: [ValueID]) -> ValueID? {
    if let constant = foldedConstant(op, operands) { return constant }
    let simpler: ValueID?
    switch op {
    case .unary(let function): simpler = simplerUnary(function, operands[0])
    case .binary(let function): simpler = simplerBinary(function, operands[0], operands[1])
    case .select: simpler = simplerSelect(operands)
    case .convert(let dtype): simpler = simplerConversion(operands[0], to: dtype)
    case .stopGradient:
      simpler = definition(of: operands[0])?.op == .stopGradient ? operands[0] : nil
    default: simpler = nil  // Comparisons: no rule but folding.
    }
    return simpler ?? repeatedAfterwards(op, operands)
  }

  /// All operands constant: the result is.
  private func foldedConstant(_ op: Op, _ operands: [ValueID]) -> ValueID? {
    let numbers = operands.compactMap(constant)
    guard numbers.count == operands.count,
      let number = folded(op, numbers, dtype: type(of: operands[0]).dtype),
      let type = try? op.resultTypes(operands.map(type(of:))).first
    else { return nil }
    return makeConstant(number, type)
  }

  /// `f(repeat x, repeat y) -> repeat f(x, y)` over the axes that every operand only repeats.
  private func repeatedAfterwards(_ op: Op, _ operands: [ValueID]) -> ValueID? {
    let shape = shape(of: operands[0])
    let repetitions = operands.compactMap(repetition)
    guard repetitions.count == operands.count else { return nil }
    let kept = Set(repetitions.flatMap(\.axes)).sorted()
    guard kept.count < shape.count else { return nil }
    let keptShape = kept.map { shape[$0] }
    let smaller = repetitions.map { repetition in
      let axes = repetition.axes.compactMap(kept.firstIndex(of:))
      return makeBroadcast(repetition.source, to: keptShape, axes: axes)
    }
    return makeBroadcast(make(op, smaller), to: shape, axes: kept)
  }

  // MARK: One operand

  private func simplerUnary(_ function: UnaryFunction, _ x: ValueID) -> ValueID? {
    switch function {
    case .negate: simplerNegation(x)
    case .abs:
      (negated(x) ?? operands(of: x, ifResultOf: .unary(.abs))?[0])
        .map { make(.unary(.abs), $0) }
    default: nil  // No identities worth their lines.
    }
  }

  private func simplerNegation(_ x: ValueID) -> ValueID? {
    if let inner = negated(x) { return inner }
    if let difference = operands(of: x, ifResultOf: .binary(.subtract)) {
      return make(.binary(.subtract), difference[1], difference[0])
    }
    if let (factor, number) = scaled(x) {
      return makeProduct(factor, makeConstant(-number, type(of: x)))
    }
    return nil
  }

  /// `(y, c)` if `x` is `y * c` with a constant `c`.
  func scaled(_ x: ValueID) -> (ValueID, Double)? {
    guard let product = operands(of: x, ifResultOf: .binary(.multiply)),
      let number = constant(product[1])
    else { return nil }
    return (product[0], number)
  }

  private func simplerConversion(_ x: ValueID, to dtype: DType) -> ValueID? {
    let source = type(of: x).dtype
    if source == dtype { return x }
    guard let node = definition(of: x), case .convert = node.op else { return nil }
    let origin = type(of: node.operands[0]).dtype
    return source.holdsExactly(origin) ? make(.convert(dtype), node.operands[0]) : nil
  }

  private func simplerSelect(_ operands: [ValueID]) -> ValueID? {
    if let condition = constant(operands[0]) { return operands[condition != 0 ? 1 : 2] }
    return operands[1] == operands[2] ? operands[1] : nil
  }

  // MARK: Two operands

  private func simplerBinary(_ function: BinaryFunction, _ x: ValueID, _ y: ValueID) -> ValueID? {
    switch function {
    case .add: simplerSum(x, y)
    case .subtract: simplerDifference(x, y)
    case .multiply: simplerProduct(x, y)
    case .divide: simplerQuotient(x, y)
    case .power: constant(y).flatMap { simplerPower(x, $0) }
    case .maximum, .minimum: x == y ? x : withConstantLast(function, x, y)
    case .floorDivide: constant(y) == 1 ? x : nil
    }
  }

  private func withConstantLast(
    _ function: BinaryFunction, _ x: ValueID, _ y: ValueID
  ) -> ValueID? {
    guard constant(x) != nil, constant(y) == nil else { return nil }
    return make(.binary(function), y, x)
  }

  private func simplerSum(_ x: ValueID, _ y: ValueID) -> ValueID? {
    if constant(y) == 0 { return x }
    if x == y { return makeProduct(x, makeConstant(2, type(of: x))) }
    if let joined = joinedPaddings(x, y) { return joined }
    switch (negated(x), negated(y)) {
    case (let x?, let y?): return makeNegation(make(.binary(.add), x, y))
    case (nil, let y?): return make(.binary(.subtract), x, y)
    case (let x?, nil): return make(.binary(.subtract), y, x)
    case (nil, nil): return withConstantLast(.add, x, y)
    }
  }

  private func simplerDifference(_ x: ValueID, _ y: ValueID) -> ValueID? {
    if constant(y) == 0 { return x }
    if constant(x) == 0 && type(of: x).dtype.isFloat { return makeNegation(y) }
    if let y = negated(y) { return make(.binary(.add), x, y) }
    if let x = negated(x) { return makeNegation(make(.binary(.add), x, y)) }
    return nil
  }

  private func simplerProduct(_ x: ValueID, _ y: ValueID) -> ValueID? {
    if let number = constant(y) { return simplerMultiple(x, number) }
    if let swapped = withConstantLast(.multiply, x, y) { return swapped }
    switch (negated(x), negated(y)) {
    case (let x?, let y?): return makeProduct(x, y)
    case (let x?, nil): return makeNegation(makeProduct(x, y))
    case (nil, let y?): return makeNegation(makeProduct(x, y))
    case (nil, nil): return nil
    }
  }

  /// `x * number`.
  private func simplerMultiple(_ x: ValueID, _ number: Double) -> ValueID? {
    let type = type(of: x)
    if number == 1 { return x }
    if number == -1 && type.dtype.isFloat { return makeNegation(x) }
    if let inner = negated(x) { return makeProduct(inner, makeConstant(-number, type)) }
    if let (factor, inner) = scaled(x), isOrdinary(inner * number, for: type.dtype) {
      return makeProduct(factor, makeConstant(inner * number, type))
    }
    return nil
  }

  private func simplerQuotient(_ x: ValueID, _ y: ValueID) -> ValueID? {
    switch (negated(x), negated(y)) {
    case (let x?, let y?): return make(.binary(.divide), x, y)
    case (let x?, nil): return makeNegation(make(.binary(.divide), x, y))
    case (nil, let y?): return makeNegation(make(.binary(.divide), x, y))
    case (nil, nil): break
    }
    guard let number = constant(y), isOrdinary(number, for: type(of: y).dtype) else { return nil }
    if number == 1 { return x }
    if number.significand == 1 {  // A power of two: its reciprocal is exact.
      return makeProduct(x, makeConstant(1 / number, type(of: y)))
    }
    return nil
  }

  private func simplerPower(_ x: ValueID, _ exponent: Double) -> ValueID? {
    switch exponent {
    case 0: makeConstant(1, type(of: x))
    case 1: x
    case 2: makeProduct(x, x)
    case 3: makeProduct(makeProduct(x, x), x)
    case -1: make(.binary(.divide), makeConstant(1, type(of: x)), x)
    default: nil
    }
  }

  /// Neither zero nor so large or small that a product with it might leave the range of floats
  /// where the two separate products would not.
  private func isOrdinary(_ number: Double, for dtype: DType) -> Bool {
    dtype == .i32 || (number.magnitude > 0x1p-60 && number.magnitude < 0x1p60)
  }
}

extension DType {
  /// Whether every number of another type is a number of this type.
  fileprivate func holdsExactly(_ other: DType) -> Bool {
    switch (self, other) {
    case (_, .bool): true
    case (.f64, _): true
    case (.f32, .f32), (.i32, .i32): true
    case (.f32, .i32), (.f32, .f64), (.i32, .f32), (.i32, .f64), (.bool, _): false
    }
  }
}
