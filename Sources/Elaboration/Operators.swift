// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic, comparisons and choice. Numbers known at build time are computed here; trees are
// treated leaf by leaf; arrays are brought to one shape in the manner of NumPy, with the stretching
// written out as `broadcast` nodes.

import Diagnostics
import Foundation
import SpecLanguage
import TensorIR

extension Elaborator {
  /// `-x` and `not c`.
  func unary(_ op: UnaryOperator, _ operand: Operand) throws -> Value {
    switch (op, operand.value) {
    case (.minus, .integer(let value)):
      return foldExactly(.subtract, 0, value).map { .integer($0) } ?? .real(-Double(value))
    case (.minus, .real(let value)): return .real(-value)
    case (.not, .boolean(let value)): return .boolean(!value)
    case (.minus, _):
      return try mapLeaves(operand) { [self] leaf in
        let x = try tensor(leaf)
        if x.dtype.isFloat { return .tensor(emitter.unary(.negate, x)) }
        let zero = emitter.constant(0, x.type)
        return .tensor(emitter.binary(.subtract, zero, x))
      }
    case (.not, _):
      let x = try condition(operand)
      return .tensor(compare(.equal, asNumber(x), 0))
    }
  }

  /// Applies a function to an operand, or to each leaf of a tree.
  func mapLeaves(_ operand: Operand, _ transform: (Operand) throws -> Value) throws -> Value {
    guard case .tree(let tree) = operand.value else { return try transform(operand) }
    return .tree(
      try tree.mapValues {
        try mapLeaves(operand.part($0), transform)
      })
  }

  /// `lhs op rhs`, with messages at the operator.
  func binary(
    _ op: BinaryOperator, at place: Span, _ lhs: Operand, _ rhs: Operand
  ) throws -> Value {
    if op == .matrixProduct { return .tensor(try matrixProduct(at: place, lhs, rhs)) }
    if let answer = compareWithNone(op, lhs.value, rhs.value) { return .boolean(answer) }
    if op.isWholeDivision { try requireWholeDivision(op, at: place, lhs, rhs) }
    if let a = lhs.value.number, let b = rhs.value.number {
      return fold(op, lhs.value, rhs.value, a, b)
    }
    if case .boolean(let a) = lhs.value, case .boolean(let b) = rhs.value, op == .and || op == .or {
      return .boolean(op == .and ? a && b : a || b)
    }
    if let paired = try pairLeaves(at: place, lhs, rhs, { try binary(op, at: place, $0, $1) }) {
      return paired
    }
    return .tensor(try tensorBinary(op, at: place, lhs, rhs))
  }

  /// `x == none` and `x != none`, which are answered now whatever `x` is; nil for anything else.
  private func compareWithNone(_ op: BinaryOperator, _ lhs: Value, _ rhs: Value) -> Bool? {
    guard op == .equal || op == .notEqual, lhs.isAbsent || rhs.isAbsent else { return nil }
    return (lhs.isAbsent && rhs.isAbsent) == (op == .equal)
  }

  /// `div` and `mod` are of whole numbers, known or i32 arrays, and not by a known zero.
  ///
  /// - Errors: `type.whole`, `type.kind` at `place`.
  private func requireWholeDivision(
    _ op: BinaryOperator, at place: Span, _ lhs: Operand, _ rhs: Operand
  ) throws {
    for operand in [lhs, rhs] {
      let isWhole =
        switch operand.value {
        case .real: false
        case .tensor(let tensor): tensor.dtype == .i32
        default: true
        }
      if isWhole { continue }
      let quotient = "floor(\(lhs.expression.span.text) / \(rhs.expression.span.text))"
      throw fail(
        .wholeNumberNeeded("an operand of '\(op.rawValue)'", found: operand.value.kind), at: place,
        operands: [lhs, rhs],
        help: op == .floorDivide ? "of floats, write \(quotient)" : nil)
    }
    if case .integer(0) = rhs.value {
      throw fail(
        .kind(what: "the right of '\(op.rawValue)'", expected: "another number", found: "0"),
        at: place, operands: [lhs])
    }
  }

  /// Both operands known now.
  private func fold(
    _ op: BinaryOperator, _ lhs: Value, _ rhs: Value, _ a: Double, _ b: Double
  ) -> Value {
    switch op {
    case .less: return .boolean(a < b)
    case .lessOrEqual: return .boolean(a <= b)
    case .greater: return .boolean(a > b)
    case .greaterOrEqual: return .boolean(a >= b)
    case .equal: return .boolean(a == b)
    case .notEqual: return .boolean(a != b)
    case .add, .subtract, .multiply, .divide, .power: break
    case .floorDivide, .remainder: break
    case .and, .or, .matrixProduct: return .poison
    }
    if case .integer(let i) = lhs, case .integer(let j) = rhs, let exact = foldExactly(op, i, j) {
      return .integer(exact)
    }
    switch op {
    case .add: return .real(a + b)
    case .subtract: return .real(a - b)
    case .multiply: return .real(a * b)
    case .divide: return .real(a / b)
    // As of arrays; `pow` may be off in the last place.
    case .power where b == 2: return .real(a * a)
    default: return .real(pow(a, b))
    }
  }

  /// The whole-number result of whole-number arithmetic, if it is one and fits.
  private func foldExactly(_ op: BinaryOperator, _ i: Int, _ j: Int) -> Int? {
    func fitting(_ result: (partialValue: Int, overflow: Bool)) -> Int? {
      result.overflow ? nil : result.partialValue
    }
    switch op {
    case .add: return fitting(i.addingReportingOverflow(j))
    case .subtract: return fitting(i.subtractingReportingOverflow(j))
    case .multiply: return fitting(i.multipliedReportingOverflow(by: j))
    case .divide:
      return j != 0 && i.isMultiple(of: j) ? fitting(i.dividedReportingOverflow(by: j)) : nil
    case .floorDivide: return i.floorQuotient(j)
    case .remainder: return i - j * i.floorQuotient(j)
    case .power: return j >= 0 ? power(i, j) : nil
    default: return nil
    }
  }

  /// `base ** exponent` by repeated squaring, if it fits.
  private func power(_ base: Int, _ exponent: Int) -> Int? {
    guard exponent > 0 else { return 1 }
    guard let root = power(base, exponent / 2) else { return nil }
    let (square, overflow) = root.multipliedReportingOverflow(by: root)
    guard !overflow else { return nil }
    return exponent.isMultiple(of: 2) ? square : foldExactly(.multiply, square, base)
  }

  /// If an operand is a tree, the tree of results: two trees leaf by leaf, a tree and anything else
  /// with the other operand at every leaf. Nil if neither is a tree.
  func pairLeaves(
    at place: Span, _ lhs: Operand, _ rhs: Operand, _ combine: (Operand, Operand) throws -> Value
  ) throws -> Value? {
    switch (lhs.value, rhs.value) {
    case (.tree(let a), .tree(let b)):
      guard a.fields.map(\.name) == b.fields.map(\.name) else {
        throw fail(
          .treeMismatch(
            "trees are combined leaf by leaf, but \(lhs.value.spelling) and "
              + "\(rhs.value.spelling) have different fields"), at: place, operands: [lhs, rhs])
      }
      var result = a
      for index in a.fields.indices {
        result.fields[index].value = try combine(
          lhs.part(a.fields[index].value),
          rhs.part(b.fields[index].value))
      }
      return .tree(result)
    case (.tree(let a), _):
      return .tree(
        try a.mapValues { try combine(lhs.part($0), rhs) })
    case (_, .tree(let b)):
      return .tree(
        try b.mapValues { try combine(lhs, rhs.part($0)) })
    default: return nil
    }
  }

  private func tensorBinary(
    _ op: BinaryOperator, at place: Span, _ lhs: Operand, _ rhs: Operand
  ) throws -> Tensor {
    let name = "'\(op.rawValue)'"
    switch op {
    case .and, .or:
      let (a, b) = try sameShape(name, at: place, lhs, rhs, try condition(lhs), try condition(rhs))
      let sum = emitter.binary(op == .and ? .minimum : .maximum, asNumber(a), asNumber(b))
      return compare(.notEqual, sum, 0)
    case .power: return try power(at: place, lhs, rhs)
    default: break
    }
    let (a, b) = try unified(name, at: place, lhs, rhs)
    if op == .remainder {
      return emitter.binary(
        .subtract, a, emitter.binary(.multiply, b, emitter.binary(.floorDivide, a, b)))
    }
    if let function = op.function {
      if op == .divide, !a.dtype.isFloat {
        throw fail(
          .floatsNeeded(lhs.value.kind), at: place, operands: [lhs, rhs],
          help: "float(...) converts")
      }
      return emitter.binary(function, a, b)
    }
    guard let comparison = op.comparison else {
      preconditionFailure("compiler bug: \(op) is neither arithmetic nor a comparison")
    }
    return emitter.add(.compare(comparison), a, b)
  }

  /// `maximum` and `minimum`.
  func extremum(_ function: BinaryFunction, at place: Span, _ lhs: Operand, _ rhs: Operand) throws
    -> Value
  {
    if let a = lhs.value.number, let b = rhs.value.number {
      return (function == .maximum) == (a >= b) ? lhs.value : rhs.value
    }
    let combine = { [self] (a: Operand, b: Operand) in
      try extremum(function, at: place, a, b)
    }
    if let paired = try pairLeaves(at: place, lhs, rhs, combine) { return paired }
    let (a, b) = try unified(function.rawValue, at: place, lhs, rhs)
    return .tensor(emitter.binary(function, a, b))
  }

  /// `if condition then a else b`, element by element.
  func select(_ test: Operand, _ lhs: Operand, _ rhs: Operand) throws -> Value {
    let place = test.expression.span
    if case .tree(let tests) = test.value {
      return .tree(
        try tests.mapFields { name, leaf in
          try select(
            test.part(leaf), try leafwise(lhs, name, as: test), try leafwise(rhs, name, as: test))
        })
    }
    let combine = { [self] (a: Operand, b: Operand) in try select(test, a, b) }
    if let paired = try pairLeaves(at: place, lhs, rhs, combine) { return paired }
    let chosen = try condition(test)
    let (a, b) = try unified("a choice", at: place, lhs, rhs)
    guard let shape = commonShape(chosen.shape, a.shape) else {
      throw fail(
        .broadcast(op: "a choice", lhs: chosen.shape.spelling, rhs: a.shape.spelling), at: place,
        operands: [lhs, rhs])
    }
    try requireSameAxes(chosen, a, "a choice", at: place, operands: [lhs, rhs])
    return .tensor(
      emitter.add(
        .select, emitter.broadcast(chosen, to: shape), emitter.broadcast(a, to: shape),
        emitter.broadcast(b, to: shape)))
  }

  /// The part of an operand that meets a leaf of a tree: of a tree the leaf of the same name, of
  /// anything else the whole.
  private func leafwise(_ operand: Operand, _ name: String, as test: Operand) throws -> Operand {
    guard case .tree(let tree) = operand.value else { return operand }
    guard case .tree(let tests) = test.value, tests.fields.map(\.name) == tree.fields.map(\.name),
      let field = tree[name]
    else {
      throw fail(
        .treeMismatch(
          "trees are combined leaf by leaf, but \(test.value.spelling) and "
            + "\(operand.value.spelling) have different fields"), at: test.expression.span,
        operands: [test, operand])
    }
    return operand.part(field.value)
  }

  /// The operand as an array of truth values.
  func condition(_ operand: Operand) throws -> Tensor {
    switch operand.value {
    case .tensor(let tensor) where tensor.dtype == .bool: return tensor
    case .boolean(let value): return emitter.constant(value ? 1 : 0, .scalar(.bool))
    default:
      throw fail(.conditionNeeded(found: operand.value.kind), at: operand.expression.span)
    }
  }

  private func asNumber(_ condition: Tensor) -> Tensor {
    emitter.convert(condition, to: floatType)
  }

  private func compare(_ comparison: Comparison, _ x: Tensor, _ number: Double) -> Tensor {
    emitter.add(.compare(comparison), x, emitter.constant(number, x.type))
  }
}

// MARK: - Bringing operands together

extension Elaborator {
  /// Both operands as arrays of one element type and one shape.
  func unified(
    _ name: String, at place: Span, _ lhs: Operand, _ rhs: Operand
  ) throws -> (Tensor, Tensor) {
    let (a, b) = try sameElementType(name, at: place, lhs, rhs)
    return try sameShape(name, at: place, lhs, rhs, a, b)
  }

  /// Both operands as arrays of one element type; a number takes the type of the other operand.
  func sameElementType(
    _ name: String, at place: Span, _ lhs: Operand, _ rhs: Operand
  ) throws -> (Tensor, Tensor) {
    let mixed = {
      self.fail(
        .elementTypes(op: name, lhs: lhs.value.spelling, rhs: rhs.value.spelling), at: place,
        operands: [lhs, rhs], help: "float(...) converts whole numbers and conditions to floats")
    }
    // A number is made in the other operand's shape at once: a constant needs no broadcast.
    if let number = lhs.value.number {
      let b = try tensor(rhs)
      guard lhs.value.fits(b.dtype) else { throw mixed() }
      return (emitter.constant(number, b.type), b)
    }
    let a = try tensor(lhs)
    if let number = rhs.value.number {
      guard rhs.value.fits(a.dtype) else { throw mixed() }
      return (a, emitter.constant(number, a.type))
    }
    let b = try tensor(rhs)
    guard a.dtype == b.dtype, a.dtype != .bool else { throw mixed() }
    return (a, b)
  }

  private func sameShape(
    _ name: String, at place: Span, _ lhs: Operand, _ rhs: Operand, _ a: Tensor, _ b: Tensor
  ) throws -> (Tensor, Tensor) {
    guard let shape = commonShape(a.shape, b.shape) else {
      throw fail(
        .broadcast(op: name, lhs: a.shape.spelling, rhs: b.shape.spelling), at: place,
        operands: [lhs, rhs])
    }
    try requireSameAxes(a, b, name, at: place, operands: [lhs, rhs])
    return (emitter.broadcast(a, to: shape), emitter.broadcast(b, to: shape))
  }

  /// Checks that the axes of two arrays, matched from the last, are of the same sizes where they are
  /// of equal ones.
  ///
  /// - Errors: `shape.dimension` at `place`.
  func requireSameAxes(
    _ a: Tensor, _ b: Tensor, _ what: String, at place: Span, operands: [Operand]
  ) throws {
    guard !a.forms.isEmpty, !b.forms.isEmpty else { return }
    for (x, y) in zip(a.shape.indices.reversed(), b.shape.indices.reversed())
    where a.shape[x] == b.shape[y] {
      try requireSame(
        a.form(x), b.form(y), a.shape[x], what, at: place, operands: operands)
    }
  }

  /// The shape that both shapes stretch to, axes matched from the last; nil if there is none.
  func commonShape(_ a: [Int], _ b: [Int]) -> [Int]? {
    let rank = max(a.count, b.count)
    let paddedA = [Int](repeating: 1, count: rank - a.count) + a
    let paddedB = [Int](repeating: 1, count: rank - b.count) + b
    var shape: [Int] = []
    for (x, y) in zip(paddedA, paddedB) {
      guard x == y || x == 1 || y == 1 else { return nil }
      shape.append(max(x, y))
    }
    return shape
  }
}

extension Value {
  /// Whether a number known at build time can be an element of an array of this type.
  func fits(_ dtype: DType) -> Bool {
    switch (self, dtype) {
    case (.integer(let value), .i32): Int32(exactly: value) != nil
    case (.integer, _), (.real, _): dtype.isFloat
    default: false
    }
  }
}

extension BinaryOperator {
  /// The IR's function for an arithmetic operator.
  fileprivate var function: BinaryFunction? {
    switch self {
    case .add: .add
    case .subtract: .subtract
    case .multiply: .multiply
    case .divide: .divide
    case .floorDivide: .floorDivide
    default: nil
    }
  }

  /// Whether it is defined for whole numbers only.
  fileprivate var isWholeDivision: Bool { self == .floorDivide || self == .remainder }

  /// The IR's comparison for a comparison operator.
  fileprivate var comparison: Comparison? {
    switch self {
    case .less: .less
    case .lessOrEqual: .lessOrEqual
    case .greater: .greater
    case .greaterOrEqual: .greaterOrEqual
    case .equal: .equal
    case .notEqual: .notEqual
    default: nil
    }
  }
}
