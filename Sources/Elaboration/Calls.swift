// SPDX-License-Identifier: Apache-2.0
//
// Calls: finding the function (a value in scope, then the user's own, the prelude's, the built-in
// ones), matching arguments to parameters, and running the body of a function in a scope of its own.

import Diagnostics
import SpecLanguage
import TensorIR

extension Elaborator {
  /// The value of `callee(arguments)`.
  func call(_ callee: Name, _ arguments: [Argument]) throws -> Value {
    let bound = scope.lookup(callee.text)?.value
    if case .function(let function)? = bound {
      return try call(function, callee, arguments, isValue: true)
    }
    if let function = function(named: callee) {
      return try call(function, callee, arguments, isValue: false)
    }
    if case .poison? = bound { throw Reported() }
    if let bound {
      throw fail(
        .kind(what: "what is called", expected: "a function", found: bound.kind), at: callee.span)
    }
    let known = declarations.functionNames + Builtin.all.map(\.name)
    var help = didYouMean(callee.text, among: known)
    if declarations.optimizer(callee.text) != nil {
      help = "\(callee.text) is an optimiser; it stands after 'by'"
    }
    throw fail(.functionUnknown(callee.text), at: callee.span, help: help)
  }

  /// Arguments in the order of the parameters: one for each, or none where none is given.
  ///
  /// - Parameter variadic: which parameter takes any number of arguments, in the order in which they are
  ///   written; those after it are given by name.
  func match(
    _ arguments: [Argument], to parameters: [String], of callee: Name, variadic: Int? = nil
  ) throws -> [[Argument]] {
    var matched = [[Argument]](repeating: [], count: parameters.count)
    var position = 0
    for argument in arguments {
      let index: Int
      if let name = argument.name {
        guard let found = parameters.firstIndex(of: name.text) else {
          let help = didYouMean(name.text, among: parameters)
          throw fail(
            .argumentUnknown(name.text, of: callee.text), at: name.span,
            help: help ?? "its parameters are \(parameters.joined(separator: ", "))")
        }
        index = found
      } else {
        guard position < parameters.count else {
          throw fail(
            .argumentTooMany(of: callee.text, limit: parameters.count), at: argument.value.span)
        }
        index = position
        if index != variadic { position += 1 }
      }
      guard matched[index].isEmpty || index == variadic else {
        throw fail(
          .argumentRepeated(parameters[index]), at: argument.name?.span ?? argument.value.span)
      }
      matched[index].append(argument)
    }
    return matched
  }

  /// The arguments of a function or optimiser with their values, one for each parameter.
  ///
  /// Defaults are evaluated in the file's scope, so they cannot see the caller's names.
  func evaluateArguments(
    _ arguments: [Argument], for parameters: [ParameterDeclaration], of callee: Name
  ) throws -> [Operand] {
    let matched = try match(arguments, to: parameters.map(\.name.text), of: callee)
    let results = zip(parameters, matched).map { parameter, arguments in
      Result {
        if let argument = arguments.first { return try evaluated(argument.value, for: parameter) }
        guard let value = parameter.defaultValue else {
          throw fail(
            .argumentMissing(parameter.name.text, of: callee.text), at: callee.span,
            notes: [
              DiagnosticNote("\(parameter.name.text) is declared here", at: parameter.name.span)
            ])
        }
        return try within(fileScope) { try evaluated(value) }
      }
    }
    return try results.map { try $0.get() }
  }

  /// An argument, called after its parameter where that has a name that says something: a single
  /// letter does not.
  private func evaluated(
    _ argument: Expression, for parameter: ParameterDeclaration
  ) throws -> Operand {
    let name = parameter.name.text
    return try emitter.making(name.count > 1 ? name : emitter.target) { try evaluated(argument) }
  }

  /// What `body` makes comes from a call of `callee`, if it is the user's call: what the prelude
  /// calls in turn is a part of it.
  func calling(_ callee: Name, _ body: () throws -> Value) rethrows -> Value {
    if callee.span.file.isBuiltIn { return try body() }
    return try emitter.calling(callee.text, body)
  }

  /// Calls a declared function on arguments already evaluated, one for each parameter.
  ///
  /// - Parameter isValue: whether the function is called as a value: it may then be in the middle of
  ///   a call of itself, as a function that calls what it is given is.
  func call(
    _ function: FunctionDeclaration, _ callee: Name, _ operands: [Operand], isValue: Bool
  ) throws -> Value {
    // Two functions may share a name (the user's and the prelude's); the place tells them apart.
    let frame = CallFrame(
      function: function.name.text, declaration: function.name.span, callee: callee.span,
      arguments: operands.map(label),
      operands: zip(function.parameters, operands).map { ($0.name.text, $1) }, isValue: isValue)
    try requireNoRecursion(frame)
    let isCounted = !function.name.span.file.isBuiltIn
    return try counted(isCounted, function.name.span, "", operands, at: callee.span) {
      try calling(callee) { try within(frame) { try run(function, operands) } }
    }
  }

  /// Runs a call, if it is to be counted; one of very many is run once for the same arguments.
  func counted(
    _ isCounted: Bool, _ function: Span, _ identity: String, _ operands: [Operand],
    at place: Span, _ body: () throws -> Value
  ) throws -> Value {
    guard isCounted, let key = try callKey(function, identity, operands, at: place) else {
      return try body()
    }
    if let known = knownCalls[key] { return try known.get() }
    let draws = randomness?.drawCount
    let result = Result { try body() }
    // Another call draws other numbers.
    if randomness?.drawCount == draws { knownCalls[key] = result }
    return try result.get()
  }

  /// - Errors: `call.recursion`, if the function of a frame is running already, unless functions that
  ///   were given as values have called it; then, if calls are too deep.
  func requireNoRecursion(_ frame: CallFrame) throws {
    let last = frames.lastIndex { $0.isValue } ?? 0
    let isRunning = frames[last...].contains { $0.declaration == frame.declaration }
    if isRunning && !frame.isValue || frames.count >= Self.depthLimit {
      throw fail(.recursion(frame.function), at: frame.callee)
    }
  }

  /// Counts a call. In a spec of very many, what stands for the call among those whose results are
  /// kept: functions that call one function twice would double the work with each level. (Few calls
  /// are run again instead, so that every place in the spec has nodes of its own.) Functions of the
  /// prelude do not count: they call few others.
  ///
  /// - Errors: `call.limit`, if even so there are too many.
  private func callKey(
    _ function: Span, _ identity: String, _ operands: [Operand], at place: Span
  ) throws -> KnownCall? {
    callCount += 1
    guard callCount > Self.freeCalls else { return nil }
    let key = KnownCall(
      function: function, region: emitter.currentRegion,
      arguments: ([identity] + operands.map { $0.value.identity }).joined(separator: " "))
    if knownCalls[key] != nil {
      callCount -= 1
      return key
    }
    guard callCount - Self.freeCalls <= Self.callLimit else {
      throw fail(.callLimit(Self.callLimit), at: place)
    }
    return key
  }

  /// So many calls are run without looking whether they were before.
  private static let freeCalls = 2_000
  /// So many more are run at all.
  private static let callLimit = 30_000
  /// So many calls may be inside of each other.
  private static let depthLimit = 200

  /// Runs `body` as the body of a call.
  func within(_ frame: CallFrame, _ body: () throws -> Value) throws -> Value {
    let saved = leadingSizes
    leadingSizes = nil
    frames.append(frame)
    defer {
      frames.removeLast()
      leadingSizes = saved
    }
    return try body()
  }

  /// Runs the body of a function on arguments already evaluated.
  func run(_ function: FunctionDeclaration, _ operands: [Operand]) throws -> Value {
    let body = Scope(parent: function.name.span.file.isBuiltIn ? nil : fileScope)
    return try within(body) {
      var sizes: [String: BoundSize?] = [:]
      for variable in function.shapeVariables { sizes[variable.text] = .some(nil) }
      for (parameter, operand) in zip(function.parameters, operands) {
        var argument = operand
        if let type = parameter.type, !parameter.takesAbsence(of: operand) {
          let conformed = try conform(operand, to: type, parameter.name.text, sizes: sizes)
          argument = Operand(
            expression: operand.expression, value: conformed.value, form: operand.form)
          sizes = conformed.sizes
        }
        declare(parameter.name, argument.value, form: argument.form)
      }
      for variable in function.shapeVariables {
        if let size = sizes[variable.text] ?? nil {
          declare(variable, .integer(size.value), form: size.form)
        }
      }
      checkedFunctions.insert(function.name.span)
      guard let result = try run(function.body) else {
        throw fail(.returnMissing(function.name.text), at: function.name.span)
      }
      guard let type = function.result else { return result.value }
      return try conform(
        result, to: type, "the result of \(function.name.text)", sizes: sizes
      ).value
    }
  }
}

/// A call of a function on given arguments, in a region of the program.
struct KnownCall: Hashable {
  let function: Span
  let region: Int
  let arguments: String
}

extension Value {
  /// A text that is equal for the same value and differs for others.
  fileprivate var identity: String {
    switch self {
    case .tensor(let tensor): "%\(tensor.region).\(tensor.id.index)"
    case .integer(let value): "i\(value)"
    case .real(let value): "r\(value.bitPattern)"
    case .boolean(let value): "\(value)"
    case .string(let text): "\(text.utf8.count)\"\(text)\""
    case .tree(let tree):
      "{\(tree.stacks) "
        + tree.fields.map { "\($0.name):\($0.value.identity)" }.joined(separator: " ") + "}"
    case .tuple(let parts): "(" + parts.map(\.identity).joined(separator: " ") + ")"
    case .list(let parts): "[" + parts.map(\.identity).joined(separator: " ") + "]"
    case .function(let function): "f\(function.identity)"
    case .absent: "none"
    case .poison: "poison"
    }
  }
}

extension ParameterDeclaration {
  /// Whether the argument is `none` and may be: only a parameter that is `none` by default may be
  /// without a value of its type.
  func takesAbsence(of argument: Operand) -> Bool {
    guard case .name(Elaborator.noneName)? = defaultValue?.kind else { return false }
    return argument.value.isAbsent
  }
}
