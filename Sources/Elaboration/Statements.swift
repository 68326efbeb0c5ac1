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
      case .assignment(let name, let value): assign(name, value)
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
    let parts = attempt { try split(value ?? .poison, binding) }
    for (index, name) in binding.names.enumerated() {
      declare(name, parts?[index] ?? .poison, isVariable: binding.isVariable)
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
  func declare(_ name: Name, _ value: Value, isVariable: Bool = false) {
    let binding = Binding(value: value, declaration: name.span, isVariable: isVariable)
    guard let previous = scope.declare(name.text, binding) else { return }
    let notes = previous.declaration.map {
      [DiagnosticNote("\(name.text) was declared here before", at: $0)]
    }
    _ = fail(.declarationRepeated(name.text), at: name.span, notes: notes ?? [])
  }

  private func assign(_ name: Name, _ expression: Expression) {
    let value = attempt { try emitter.named(name.text) { try evaluate(expression) } } ?? .poison
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
}
