// SPDX-License-Identifier: Apache-2.0
//
// Functions as values: those declared or built in, by their names, and those written as expressions
// (`x -> x ** 2`). A value can be bound by `let`, passed as an argument, kept in a tree, and called
// by the name that it is bound to. A function written as an expression sees the names around it as
// they are where it is written: a `var` that changes later does not change it.

import Diagnostics
import SpecLanguage
import TensorIR

/// What can be called.
struct FunctionValue {
  enum Body {
    case declared(FunctionDeclaration)
    case builtin(Builtin)
    /// The scope holds the names that the function sees besides its parameters.
    case written(FunctionExpression, at: Span, in: Scope)
  }

  /// What messages call it: its name, or how it is written.
  let name: String
  let body: Body
  /// Equal for the same function and, if it is written as an expression, the same values seen.
  let identity: String
}

extension Elaborator {
  /// The function that is declared or built in under a name.
  func function(named name: Name) -> FunctionValue? {
    let isPrelude = name.span.file.isBuiltIn
    if let function = declarations.function(name.text, forPrelude: isPrelude) {
      let place = function.name.span
      return FunctionValue(
        name: name.text, body: .declared(function),
        identity: "\(place.file.isBuiltIn ? "prelude" : "spec") \(name.text)")
    }
    return Builtin.named(name.text).map {
      FunctionValue(name: name.text, body: .builtin($0), identity: "builtin \(name.text)")
    }
  }

  /// The value of a function expression.
  func written(_ function: FunctionExpression, at place: Span) -> FunctionValue {
    writtenFunctionCount += 1
    let names = function.parameters.map(\.name.text).joined(separator: ", ")
    return FunctionValue(
      name: "\(function.parameters.count == 1 ? names : "(\(names))") -> ...",
      body: .written(function, at: place, in: scope.snapshot(upTo: fileScope)),
      identity: "written \(writtenFunctionCount)")
  }

  /// Calls a function on arguments as they are written.
  ///
  /// - Parameter isValue: whether it is called as a value, and not by the name it is declared with.
  func call(
    _ function: FunctionValue, _ callee: Name, _ arguments: [Argument], isValue: Bool
  ) throws -> Value {
    switch function.body {
    case .declared(let declaration):
      let operands = try evaluateArguments(arguments, for: declaration.parameters, of: callee)
      return try call(declaration, callee, operands, isValue: isValue)
    case .builtin(let builtin): return try call(builtin, callee, arguments)
    case .written(let written, let place, let names):
      let operands = try evaluateArguments(arguments, for: written.parameters, of: callee)
      return try run(written, function, at: place, in: names, callee, operands)
    }
  }

  /// Calls a function value on arguments already evaluated, in the order of its parameters; those
  /// left over are what they are by default.
  func call(_ function: FunctionValue, at place: Span, _ operands: [Operand]) throws -> Value {
    let callee = Name(function.name, at: place)
    switch function.body {
    case .declared(let declaration):
      let all = try completed(operands, for: declaration.parameters, of: callee)
      return try call(declaration, callee, all, isValue: true)
    case .builtin(let builtin): return try call(builtin, callee, operands)
    case .written(let written, let body, let names):
      let all = try completed(operands, for: written.parameters, of: callee)
      return try run(written, function, at: body, in: names, callee, all)
    }
  }

  /// One operand for each parameter.
  private func completed(
    _ operands: [Operand], for parameters: [ParameterDeclaration], of callee: Name
  ) throws -> [Operand] {
    guard operands.count <= parameters.count else {
      throw fail(.argumentTooMany(of: callee.text, limit: parameters.count), at: callee.span)
    }
    return try operands
      + parameters.dropFirst(operands.count).map { parameter in
        guard let value = parameter.defaultValue else {
          throw fail(.argumentMissing(parameter.name.text, of: callee.text), at: callee.span)
        }
        return try within(fileScope) { try evaluated(value) }
      }
  }

  /// Runs the body of a function written as an expression.
  private func run(
    _ written: FunctionExpression, _ function: FunctionValue, at place: Span, in names: Scope,
    _ callee: Name, _ operands: [Operand]
  ) throws -> Value {
    let frame = CallFrame(
      function: function.name, declaration: place, callee: callee.span,
      arguments: operands.map(label),
      operands: zip(written.parameters, operands).map { ($0.name.text, $1) }, isValue: true)
    try requireNoRecursion(frame)
    let isCounted = !place.file.isBuiltIn
    return try counted(isCounted, place, function.identity, operands, at: callee.span) {
      try within(frame) {
        try within(Scope(parent: names)) {
          for (parameter, operand) in zip(written.parameters, operands) {
            declare(parameter.name, operand.value, form: operand.form)
          }
          guard let result = try run(written.body) else {
            throw fail(.returnMissing(function.name), at: place)
          }
          return result.value
        }
      }
    }
  }
}

extension Scope {
  /// A scope with the names that can be seen from here as they are now; those of `outer`, which does
  /// not change, are seen through it.
  fileprivate func snapshot(upTo outer: Scope) -> Scope {
    var scopes: [Scope] = []
    var next: Scope? = self
    while let scope = next, scope !== outer {
      scopes.append(scope)
      next = scope.parent
    }
    // The prelude does not see the file's names.
    let copy = Scope(parent: next)
    for scope in scopes.reversed() {
      for (name, binding) in scope.bindings {
        copy.declare(
          name,
          Binding(
            value: binding.value, declaration: binding.declaration, isVariable: false,
            form: binding.form))
      }
    }
    return copy
  }
}
