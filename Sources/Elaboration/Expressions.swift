// SPDX-License-Identifier: Apache-2.0
//
// The values of expressions, and the demands that contexts make of them: a whole number for a size,
// an array for an operand, a condition for `if`.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// The value of an expression.
  ///
  /// - Throws: `Reported` after an error, or if a value with a reported error is used.
  func evaluate(_ expression: Expression) throws -> Value {
    let value = try plainValue(expression)
    if case .tensor(let tensor) = value {
      try requireAddressable(tensor.shape, at: expression.focus)
    }
    return value
  }

  private func plainValue(_ expression: Expression) throws -> Value {
    let saved = emitter.location
    if !expression.span.file.isBuiltIn { emitter.location = expression.focus }
    defer { emitter.location = saved }
    switch expression.kind {
    case .integer(let value): return .integer(value)
    case .real(let text): return .real(Double(text) ?? .nan)
    case .string(let text): return .string(text)
    case .boolean(let value): return .boolean(value)
    case .name(let name): return try lookup(Name(name, at: expression.span))
    case .unary(let op, let operand): return try unary(op, evaluated(operand))
    case .binary(let op, let place, let left, let right):
      let operands = try evaluated([left, right])
      return try binary(op, at: place, operands[0], operands[1])
    case .conditional(let condition, let then, let otherwise):
      return try conditional(condition, then, otherwise)
    case .call(let callee, let arguments): return try call(callee, arguments)
    case .field(let base, let name): return try field(name, of: evaluated(base))
    case .subscripted(let base, let subscripts):
      return try subscripted(evaluated(base), subscripts)
    case .tuple(let elements): return .tuple(try evaluated(elements).map(\.value))
    case .list(let elements): return .list(try evaluated(elements).map(\.value))
    case .record(let fields): return try record(fields)
    case .minimization(let minimization): return try self.minimization(minimization)
    case .function(let function): return .function(written(function, at: expression.span))
    case .loop(let loop): return try collected(loop)
    case .range: preconditionFailure("compiler bug: a range outside of the head of a loop")
    }
  }

  /// An expression with its value.
  func evaluated(_ expression: Expression) throws -> Operand {
    let value = try evaluate(expression)
    var operand = Operand(
      expression: expression, value: value, declaration: declaration(of: expression))
    if case .integer = value { operand.form = sizeForm(expression) }
    return operand
  }

  /// Several expressions with their values; all are checked before the first error stops.
  func evaluated(_ expressions: [Expression]) throws -> [Operand] {
    let results = expressions.map { expression in Result { try evaluated(expression) } }
    return try results.map { try $0.get() }
  }

  /// The name of `.absent`, unless something else is called so.
  static let noneName = "none"

  private func lookup(_ name: Name) throws -> Value {
    guard let binding = scope.lookup(name.text) else {
      if name.text == Self.noneName { return .absent }
      if let function = function(named: name) { return .function(function) }
      throw fail(.nameUnknown(name.text), at: name.span, help: helpForUnknown(name.text))
    }
    if case .poison = binding.value { throw Reported() }
    if dimensions.contains(where: { $0.name == name.text }) { usedDimensions.insert(name.text) }
    return binding.value
  }

  private func helpForUnknown(_ name: String) -> String? {
    if trees[name] != nil {
      return "a function sees only its parameters; pass \(name) as an argument"
    }
    return didYouMean(name, among: scope.visibleNames)
  }

  func field(_ name: Name, of base: Operand) throws -> Value {
    guard case .tree(let tree) = base.value else {
      throw fail(
        .kind(what: "the left of '.\(name.text)'", expected: "a tree", found: base.value.kind),
        at: name.span, operands: [base])
    }
    guard let field = tree[name.text] else {
      let help =
        didYouMean(name.text, among: tree.fields.map(\.name))
        ?? "its fields are \(tree.fields.map(\.name).joined(separator: ", "))"
      throw fail(
        .fieldUnknown(name.text, of: base.expression.span.text), at: name.span, help: help)
    }
    if case .poison = field.value { throw Reported() }
    return field.value
  }

  private func record(_ fields: [RecordField]) throws -> Value {
    var tree = Tree(fields: [])
    for field in fields {
      if tree[field.name.text] != nil {
        throw fail(.declarationRepeated(field.name.text), at: field.name.span)
      }
      tree.fields.append(
        Tree.Field(
          name: field.name.text, value: try evaluate(field.value), declaration: field.name.span))
    }
    return .tree(tree)
  }

  /// `if c then a else b`: a choice now if `c` is known now, an elementwise one otherwise.
  private func conditional(
    _ condition: Expression, _ then: Expression, _ otherwise: Expression
  ) throws -> Value {
    let test = try evaluated(condition)
    if case .boolean(let holds) = test.value { return try evaluate(holds ? then : otherwise) }
    let branches = try evaluated([then, otherwise])
    return try select(test, branches[0], branches[1])
  }
}

// MARK: - What contexts demand

extension Elaborator {
  /// A whole number known at build time, such as a size or an axis.
  func integer(_ operand: Operand, _ what: String) throws -> Int {
    guard case .integer(let value) = operand.value else {
      throw fail(
        .wholeNumberNeeded(what, found: operand.value.kind), at: operand.expression.span,
        help: operand.value.number == nil ? nil : operand.expression.wholeQuotient)
    }
    guard value.magnitude <= Self.largestInteger else {
      throw fail(
        .kind(what: what, expected: "at most \(Self.largestInteger)", found: String(value)),
        at: operand.expression.span)
    }
    return value
  }

  /// The value of a whole-number expression.
  func integer(_ expression: Expression, _ what: String) throws -> Int {
    try integer(evaluated(expression), what)
  }

  /// A number known at build time.
  func number(_ expression: Expression, _ what: String) throws -> Double {
    let value = try evaluate(expression)
    guard let number = value.number else {
      throw fail(
        .kind(what: what, expected: "a number known at build time", found: value.kind),
        at: expression.span)
    }
    return number
  }

  /// The operand as an array; numbers become scalars (whole numbers too: they are floats unless
  /// `dtype` says otherwise), lists are stacked.
  func tensor(_ operand: Operand, dtype: DType? = nil) throws -> Tensor {
    switch operand.value {
    case .tensor(let tensor): return tensor
    case .poison: throw Reported()
    case .integer(let value):
      let type = TensorType.scalar(dtype ?? floatType)
      guard operand.value.fits(type.dtype) else {
        throw fail(
          .kind(what: "this", expected: "in the range of i32", found: String(value)),
          at: operand.expression.span)
      }
      return emitter.constant(Double(value), type)
    case .real(let value) where dtype != .i32:
      return emitter.constant(value, .scalar(floatType))
    case .list(let parts) where !parts.isEmpty:
      let tensors = try parts.map {
        try tensor(operand.part($0), dtype: dtype)
      }
      return try stack(tensors, operand)
    default:
      throw fail(
        .kind(what: "this", expected: "an array", found: operand.value.kind),
        at: operand.expression.span)
    }
  }

  /// The operand with the numbers and lists in it as arrays; trees and tuples keep their form.
  func materialized(_ operand: Operand) throws -> Value {
    switch operand.value {
    case .tree(let tree):
      return .tree(try tree.mapValues { try materialized(operand.part($0)) })
    case .tuple(let parts):
      return .tuple(try parts.map { try materialized(operand.part($0)) })
    default: return .tensor(try tensor(operand))
    }
  }

  /// The operand as an array of floats.
  func floatTensor(_ operand: Operand) throws -> Tensor {
    let result = try tensor(operand)
    guard result.dtype.isFloat else {
      throw fail(
        .floatsNeeded(operand.value.kind), at: operand.expression.span,
        operands: [operand], help: "float(...) converts")
    }
    return result
  }

  /// Arrays of one type side by side along a new first axis.
  private func stack(_ tensors: [Tensor], _ operand: Operand) throws -> Tensor {
    for tensor in tensors where tensor.type != tensors[0].type {
      throw fail(
        .shape(
          what: "the elements of a list", expected: tensors[0].type.spelling,
          found: tensor.type.spelling), at: operand.expression.span)
    }
    let parts = tensors.map { emitter.reshape($0, to: [1] + $0.shape) }
    return parts.count == 1 ? parts[0] : emitter.append(.concatenate(axis: 0), parts)[0]
  }
}

extension Expression {
  /// How to write the first quotient in an expression so that it is whole.
  fileprivate var wholeQuotient: String? {
    guard case .binary(let op, _, let left, let right) = kind else { return nil }
    if op == .divide {
      return "write \(left.span.text) div \(right.span.text) for the quotient rounded down"
    }
    return left.wholeQuotient ?? right.wholeQuotient
  }

  /// The place that stands for the expression in messages and dumps: the operator or the callee,
  /// so that the operations of one formula have different places.
  var focus: Span {
    switch kind {
    case .binary(_, let place, _, _): place
    case .call(let callee, _): callee.span
    default: span
    }
  }
}
