// SPDX-License-Identifier: Apache-2.0
//
// The state of elaboration and its way of reporting errors. Expressions, statements, calls and
// built-in functions are extensions of this class, one subject a file; `elaborate` in
// ElaborateProblem.swift puts them together.
//
// Elaboration runs the spec symbolically: functions are inlined at each call, names stand for
// `Value`s, and every operation on arrays makes IR nodes through the `Emitter`. A statement that
// fails reports one error and binds its names to `.poison`, so that later statements are still
// checked and nothing is reported twice.

import Diagnostics
import SpecLanguage
import TensorIR

/// Thrown after an error was reported.
struct Reported: Error {}

/// A call in progress.
struct CallFrame {
  let function: String
  /// The function's name where it is declared.
  let declaration: Span
  /// The function's name where it is called.
  let callee: Span
  /// The arguments with their shapes.
  let arguments: [OperandLabel]
  /// The parameters with the arguments given for them.
  var operands: [(parameter: String, argument: Operand)] = []
  /// Whether the function was called as a value, and not by the name it is declared with.
  var isValue = false
}

/// An expression with its value, so that messages can point at it.
struct Operand {
  let expression: Expression
  let value: Value
  /// Where the value was declared, if the expression is a name or a field of one.
  var declaration: Span?
  /// What is known of a size beside its value.
  var form: SizeForm?

  /// A part of the value, under the same expression.
  func part(_ value: Value) -> Operand { Operand(expression: expression, value: value) }

  /// An element of a list, under its own expression if the list is written out.
  func element(_ index: Int, of parts: [Value]) -> Operand {
    guard case .list(let elements) = expression.kind, elements.count == parts.count else {
      return part(parts[index])
    }
    return Operand(expression: elements[index], value: parts[index])
  }
}

final class Elaborator {
  let declarations: Declarations
  let diagnostics: DiagnosticCollector
  /// The float type of the build.
  let floatType: DType
  /// Dimensions and constants of the file.
  let fileScope = Scope(parent: nil)
  /// The declared parameter trees by name.
  var trees: [String: DeclaredTree] = [:]
  /// The sizes of the dimensions, in order of declaration.
  var dimensions: [(name: String, value: Int)] = []
  /// The names of dimensions that were used.
  var usedDimensions: Set<String> = []
  /// The names, where they are declared, of functions whose bodies were looked at.
  var checkedFunctions: Set<Span> = []

  /// The calls of functions in the current graph, and the results of those that are kept; see
  /// `Calls.swift`.
  var callCount = 0
  var knownCalls: [KnownCall: Result<Value, any Error>] = [:]

  /// What random numbers of the current graph are drawn from; nil where none can be.
  var randomness: Randomness?

  var emitter = Emitter(name: "constants")
  var scope: Scope
  var frames: [CallFrame] = []
  /// Where the checks of positions come from.
  var checkOrigins: [CheckedPlace: CheckOrigin] = [:]
  /// The leading sizes that `...` stands for in the signature of the function being called.
  var leadingSizes: [Int]?
  /// How many functions were written as expressions so far.
  var writtenFunctionCount = 0

  init(declarations: Declarations, dtype: DType, diagnostics: DiagnosticCollector) {
    self.declarations = declarations
    self.floatType = dtype
    self.diagnostics = diagnostics
    self.scope = fileScope
  }

  /// Runs `body` with the names of another scope.
  func within<Result>(_ inner: Scope, _ body: () throws -> Result) rethrows -> Result {
    let saved = scope
    scope = inner
    defer { scope = saved }
    return try body()
  }
}

// MARK: - Reporting

extension Elaborator {
  /// Reports an error and gives back what to throw.
  ///
  /// An error inside the prelude is shown at the user's argument if it is about a parameter, else at
  /// the user's call; an error inside a function of the
  /// user's is shown where it is, with a note for each call on the way.
  func fail(
    _ message: ElaborationMessage, at span: Span, operands: [Operand] = [],
    notes: [DiagnosticNote] = [], help: String? = nil
  ) -> Reported {
    var span = span
    var labels = operands.map(label)
    var notes = operands.compactMap(declarationNote) + notes
    var calls = frames
    if span.file.isBuiltIn, let index = calls.lastIndex(where: { !$0.callee.file.isBuiltIn }) {
      notes = [DiagnosticNote("in \(calls[index].function)", at: span)]
      span = argument(at: span)?.expression.span ?? calls[index].callee
      // Defaults stand in the prelude.
      labels = calls[index].arguments.filter { !$0.span.file.isBuiltIn }
      calls.removeSubrange(index...)
    }
    for frame in calls.reversed().prefix(3)
    where !frame.callee.file.isBuiltIn && frame.callee != frame.declaration {
      notes.append(DiagnosticNote("\(frame.function) is called here", at: frame.callee))
    }
    diagnostics.report(message, at: span, operands: labels, notes: notes, help: help)
    return Reported()
  }

  /// What the user gave for the parameter that a place in the prelude names, if it names one.
  func argument(at place: Span) -> Operand? {
    var place = place
    for frame in frames.reversed() {
      let given = frame.operands.first { $0.parameter == place.text }
      guard place.file.isBuiltIn, let argument = given?.argument else { return nil }
      place = argument.expression.span
      if !place.file.isBuiltIn { return argument }
    }
    return nil
  }

  /// `x: [10, 40]` under an operand; only the shape if the operand is long.
  func label(_ operand: Operand) -> OperandLabel {
    let source = operand.expression.span.text
    let isShort = source.count <= 24 && !source.contains("\n")
    let shape = operand.value.spelling
    let isLiteral = source == shape
    return OperandLabel(
      isShort && !isLiteral ? "\(source): \(shape)" : shape, at: operand.expression.span)
  }

  /// Where the operand was declared, if it is a name or a field of one.
  private func declarationNote(_ operand: Operand) -> DiagnosticNote? {
    guard let declaration = operand.declaration else { return nil }
    return DiagnosticNote("\(operand.expression.span.text) is declared here", at: declaration)
  }

  /// The place where a name, or the field at the end of a path, was declared.
  func declaration(of expression: Expression) -> Span? {
    switch expression.kind {
    case .name(let name): return scope.lookup(name)?.declaration
    case .field(let base, let name):
      guard case .tree(let tree)? = value(ofPath: base) else { return nil }
      return tree[name.text]?.declaration
    default: return nil
    }
  }

  /// The value of a name or a path of fields, without reporting anything.
  func value(ofPath expression: Expression) -> Value? {
    switch expression.kind {
    case .name(let name): return scope.lookup(name)?.value
    case .field(let base, let name):
      guard case .tree(let tree)? = value(ofPath: base) else { return nil }
      return tree[name.text]?.value
    default: return nil
    }
  }
}
