// SPDX-License-Identifier: Apache-2.0
//
// Statements: bindings, assignments and returns. A statement with an error binds its names to
// `.poison`, so the statements after it are still checked.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// Runs the statements of a block in the current scope.
  ///
  /// - Returns: the operand of `return`, if the block ends with one.
  /// - Throws: `Reported` only for an error in `return`; other statements go on after an error.
  func run(_ statements: [Statement]) throws -> Operand? {
    for (index, statement) in statements.enumerated() {
      switch statement {
      case .binding(let binding): bind(binding)
      case .assignment(let targets, let isTuple, let value):
        assign(targets, isTuple: isTuple, value)
      case .loop(let loop): runLoop(loop)
      case .returning(let value, let span):
        guard index == statements.count - 1, !frames.isEmpty else {
          throw fail(.returnMisplaced, at: span)
        }
        return try evaluated(value)
      }
    }
    return nil
  }

  /// Runs something that may fail after reporting; nil then.
  func attempt<Result>(_ body: () throws -> Result) -> Result? { try? body() }

  /// `let` and `var`.
  func bind(_ binding: BindingStatement) {
    let value = attempt {
      try named(binding) {
        let value = try evaluate(binding.value)
        guard let type = binding.type else { return value }
        return try conform(
          Operand(expression: binding.value, value: value), to: type, "the value", sizes: [:]
        ).value
      }
    }
    let form = binding.isTuple ? nil : sizeForm(binding.value)
    let parts = attempt { try split(value ?? .poison, binding) }
    for (index, name) in binding.names.enumerated() {
      declare(name, parts?[index] ?? .poison, isVariable: binding.isVariable, form: form)
    }
  }

  /// The value of a binding, called after it. The parts of a tuple have names of their own.
  private func named(_ binding: BindingStatement, _ body: () throws -> Value) rethrows -> Value {
    guard binding.isTuple else { return try emitter.named(binding.names[0].text, body) }
    return try emitter.making(binding.names[0].text, body)
  }

  /// The values for the names of a binding.
  private func split(_ value: Value, _ binding: BindingStatement) throws -> [Value] {
    if case .poison = value { throw Reported() }
    guard binding.isTuple else { return [value] }
    return try parts(
      of: Operand(expression: binding.value, value: value), count: binding.names.count)
  }

  /// The parts of a tuple or list of a known length.
  func parts(of operand: Operand, count: Int) throws -> [Value] {
    switch operand.value {
    case .tuple(let parts) where parts.count == count: return parts
    case .list(let parts) where parts.count == count: return parts
    default:
      throw fail(
        .tuple(expected: count, found: operand.value.kind), at: operand.expression.span)
    }
  }

  /// Declares a name in the current scope; declaring it twice is an error.
  func declare(
    _ name: Name, _ value: Value, isVariable: Bool = false, form: SizeForm? = nil
  ) {
    let binding = Binding(
      value: value, declaration: name.span, isVariable: isVariable, form: form)
    guard let previous = scope.declare(name.text, binding) else { return }
    let notes = previous.declaration.map {
      [DiagnosticNote("\(name.text) was declared here before", at: $0)]
    }
    _ = fail(.declarationRepeated(name.text), at: name.span, notes: notes ?? [])
  }

  /// `h = ...`, and `(h, c) = ...`, whose right side is evaluated before either changes.
  private func assign(_ targets: [AssignmentTarget], isTuple: Bool, _ expression: Expression) {
    let target = targets[0].name.text
    guard isTuple else {
      return assign(targets[0]) {
        try emitter.named(target) { try updated(targets[0], with: evaluated(expression)) }
      }
    }
    let parts = attempt {
      let operand = try emitter.making(target) { try evaluated(expression) }
      return try self.parts(of: operand, count: targets.count).map { operand.part($0) }
    }
    for (index, target) in targets.enumerated() {
      assign(target) {
        guard let parts else { throw Reported() }
        return try updated(target, with: parts[index])
      }
    }
  }

  /// Gives a variable the value that `body` makes, or none after an error.
  private func assign(_ target: AssignmentTarget, _ body: () throws -> Value) {
    let name = target.name
    let value = attempt(body) ?? .poison
    guard let binding = scope.lookup(name.text) else {
      let help = didYouMean(name.text, among: scope.visibleNames)
      _ = fail(
        .nameUnknown(name.text), at: name.span,
        help: help ?? "write 'var \(name.text) = ...' to declare it")
      return
    }
    guard binding.isVariable else {
      let notes = binding.declaration.map {
        [DiagnosticNote("\(name.text) is declared here", at: $0)]
      }
      _ = fail(.assignmentToConstant(name.text), at: name.span, notes: notes ?? [])
      return
    }
    scope.assign(name.text, value)
  }

  /// The whole variable with a new value, or with one for a part of it. A target that is no variable
  /// is reported by the assignment.
  private func updated(_ target: AssignmentTarget, with new: Operand) throws -> Value {
    guard !target.path.isEmpty, let binding = scope.lookup(target.name.text), binding.isVariable
    else { return new.value }
    if case .poison = binding.value { throw Reported() }
    let expression = Expression(.name(target.name.text), at: target.name.span)
    let base = Operand(
      expression: expression, value: binding.value, declaration: binding.declaration)
    return try updated(base, target.path[...], with: new)
  }
}
