// SPDX-License-Identifier: Apache-2.0
//
// The built-in functions. Each is one row: its name, its parameters with their kinds and what they are
// if left out, what it gives, and the function that makes its value of arguments of these kinds. Calls,
// messages, "did you mean" and the tables of Examples/LANGUAGE.md read the rows, so a function is in
// all of these places or in none; a row without one of its parts does not compile, nor one whose
// function takes other arguments than its parameters give.
//
// What can be written in the language is in the prelude instead. The rows stand with what computes
// them: BuiltinElementwise, BuiltinReductions, BuiltinProducts, BuiltinArrays, BuiltinOrder,
// BuiltinWindows, BuiltinLeaves, BuiltinDerivatives, BuiltinRandom and BuiltinStructured.

import Diagnostics
import SpecLanguage
import TensorIR

/// A function that the language has without being written in it.
struct Builtin: Sendable {
  /// What a parameter is called, and what it is if it is left out.
  struct Slot: Sendable {
    let name: String
    /// As documentation writes it: `-1`. Nil for a parameter that needs an argument.
    let fallback: String?
  }

  let name: String
  let parameters: [Slot]
  /// Which parameter takes all arguments that are left; those after it are given by name.
  let variadic: Int?
  /// What the function gives, in a line of Markdown.
  let summary: String
  private let value: @Sendable (Elaborator, Span, [[Operand]]) throws -> Value

  /// A row of the table.
  ///
  /// - Parameters:
  ///   - parameters: the parameters in order.
  ///   - value: makes the value of a call of the arguments, one for each parameter, read as their kinds
  ///     say. The place is the function's name in the call.
  init<each Argument>(
    _ name: String, _ parameters: repeat Parameter<each Argument>, summary: String,
    value: @escaping @Sendable (Elaborator, Span, repeat each Argument) throws -> Value
  ) {
    self.name = name
    self.summary = summary
    var slots: [Slot] = []
    var variadic: Int?
    for parameter in repeat each parameters {
      if parameter.takesMore { variadic = slots.count }
      slots.append(parameter.slot)
    }
    self.parameters = slots
    self.variadic = variadic
    self.value = { elaborator, place, operands in
      var rest = operands[...]
      return try value(
        elaborator, place, repeat try (each parameters).read(elaborator, rest.removeFirst()))
    }
  }

  /// The value of a call whose arguments are evaluated.
  ///
  /// - Parameter operands: the arguments of each parameter: one, or none if it is left out.
  func value(_ elaborator: Elaborator, at place: Span, _ operands: [[Operand]]) throws -> Value {
    try value(elaborator, place, operands)
  }
}

extension Builtin {
  /// All built-in functions, as Examples/LANGUAGE.md lists them.
  static let families: [(title: String, functions: [Builtin])] = [
    ("element by element; trees leaf by leaf", elementwise),
    ("reductions", reductions),
    ("products, and what is fused", products + structured),
    ("arrays", arrays),
    ("images and sequences: channels last", windows),
    ("derivatives of functions", derivatives),
    ("order and groups", order),
    ("random numbers, in losses", random),
    ("the arrays of a tree, for optimisers", leaves),
  ]

  /// The tables of all functions in Markdown, as they stand in Examples/LANGUAGE.md.
  static var tables: String {
    families.map { title, functions in
      let rows = functions.map { "| `\($0.signature)` | \($0.summary) |\n" }
      return "| \(title) | |\n|---|---|\n\(rows.joined())"
    }.joined(separator: "\n")
  }

  static let all: [Builtin] = families.flatMap(\.functions)

  /// The function of a name.
  static func named(_ name: String) -> Builtin? { byName[name] }

  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

  /// The call as documentation writes it: `sum(x, axis: all, keep: false)`.
  var signature: String {
    var slots = parameters.map { slot in
      slot.fallback.map { "\(slot.name): \($0)" } ?? slot.name
    }
    if let variadic { slots[variadic] = "\(parameters[variadic].name)..." }
    return "\(name)(\(slots.joined(separator: ", ")))"
  }
}

extension Elaborator {
  /// The value of a call of a built-in function.
  func call(_ builtin: Builtin, _ callee: Name, _ arguments: [Argument]) throws -> Value {
    let matched = try match(
      arguments, to: builtin.parameters.map(\.name), of: callee, variadic: builtin.variadic)
    let operands = try zip(builtin.parameters, matched).enumerated().map { index, pair in
      let (slot, arguments) = pair
      if arguments.isEmpty, slot.fallback == nil {
        throw fail(.argumentMissing(slot.name, of: callee.text), at: callee.span)
      }
      let operands = try evaluated(arguments.map(\.value))
      // `none` says that an argument is left out.
      return slot.fallback == nil || builtin.variadic == index
        ? operands : operands.filter { !$0.value.isAbsent }
    }
    return try calling(callee) { try builtin.value(self, at: callee.span, operands) }
  }

  /// The value of a call of a built-in function on arguments already evaluated, in order.
  func call(_ builtin: Builtin, _ callee: Name, _ operands: [Operand]) throws -> Value {
    var rest = operands[...]
    let matched = try builtin.parameters.enumerated().map { index, slot -> [Operand] in
      if builtin.variadic == index {
        defer { rest = [] }
        return Array(rest)
      }
      guard let operand = rest.popFirst() else {
        if slot.fallback != nil { return [] }
        throw fail(.argumentMissing(slot.name, of: callee.text), at: callee.span)
      }
      return [operand]
    }
    guard rest.isEmpty else {
      throw fail(
        .argumentTooMany(of: callee.text, limit: builtin.parameters.count), at: callee.span)
    }
    return try calling(callee) { try builtin.value(self, at: callee.span, matched) }
  }
}
