// SPDX-License-Identifier: Apache-2.0
//
// What a loop assigns, found before it is run: its carries have to be known when its region begins.

import SpecLanguage

/// The names that statements assign without declaring them, in order of their first assignment.
struct AssignedNames {
  private(set) var assigned: [String] = []
  private var local: Set<String> = []

  /// Those of a loop. What it goes through is evaluated outside of it.
  mutating func collect(in loop: ForStatement) {
    let saved = local
    local.formUnion(loop.names.map(\.text))
    for statement in loop.body { collect(in: statement) }
    if let yielded = loop.yielded { collect(in: yielded) }
    local = saved
  }

  private mutating func collect(in statement: Statement) {
    switch statement {
    case .binding(let binding):
      collect(in: binding.value)
      local.formUnion(binding.names.map(\.text))
    case .assignment(let targets, _, let value):
      for part in targets.flatMap(\.parts) + [value] { collect(in: part) }
      for name in targets.map(\.name.text) where !local.contains(name) && !assigned.contains(name) {
        assigned.append(name)
      }
    case .loop(let loop):
      collect(in: loop.sequence)
      collect(in: loop)
    case .returning(let value, _): collect(in: value)
    }
  }

  /// Loops may stand in expressions. A function that is written in one assigns nothing outside of it.
  private mutating func collect(in expression: Expression) {
    switch expression.kind {
    case .loop(let loop):
      collect(in: loop.sequence)
      collect(in: loop)
    case .function: break
    case let kind: for part in kind.parts { collect(in: part) }
    }
  }
}
