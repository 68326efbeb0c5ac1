// SPDX-License-Identifier: Apache-2.0
//
// One message to the user: what went wrong, where, with which operands, and what to do about it.
// Each stage declares its messages in one file as an enum that conforms to `DiagnosticMessage`, so
// the wording and the ids stand together; the code that finds an error only supplies the places.

/// How much a diagnostic matters.
package enum Severity: String, Sendable {
  /// Nothing can be built.
  case error
  /// Something is probably not meant; building goes on.
  case warning
}

/// Whose fault a diagnostic is, which decides the exit code of the command.
package enum DiagnosticCategory: Sendable {
  /// The user's mistake.
  case userError
  /// Something the compiler does not do yet, and says so by name.
  case limitation
  /// A mistake in the compiler itself.
  case compilerBug

  /// The exit code of a command that ends with an error of this category.
  package var exitCode: Int32 {
    switch self {
    case .userError: 1
    case .limitation: 2
    case .compilerBug: 3
    }
  }
}

/// The fixed part of a diagnostic: its id and wording. One enum per stage conforms to it.
package protocol DiagnosticMessage: Sendable {
  /// A stable id such as `shape.inner`, shown in brackets.
  var id: String { get }
  /// What was found and what was expected: lower case, no full stop.
  var text: String { get }
  /// Error unless the conforming type says otherwise.
  var severity: Severity { get }
  /// The user's mistake unless the conforming type says otherwise.
  var category: DiagnosticCategory { get }
}

extension DiagnosticMessage {
  package var severity: Severity { .error }
  package var category: DiagnosticCategory { .userError }
}

/// A label under one operand of the offending line, such as `w2: [10, 64]`.
package struct OperandLabel: Sendable, Hashable {
  /// The operand in the source.
  package let span: Span
  /// The text shown under it.
  package let text: String

  /// Labels the operand at `span`.
  package init(_ text: String, at span: Span) {
    self.span = span
    self.text = text
  }
}

/// A remark that follows a diagnostic, usually where something was declared.
package struct DiagnosticNote: Sendable, Hashable {
  /// The text, lower case, no full stop.
  package let text: String
  /// The place it speaks of, if it speaks of one.
  package let span: Span?

  /// Makes a note, with a place if there is one.
  package init(_ text: String, at span: Span? = nil) {
    self.text = text
    self.span = span
  }
}

/// One complete diagnostic.
package struct Diagnostic: Sendable {
  /// How much it matters.
  package var severity: Severity
  /// Whose fault it is.
  package var category: DiagnosticCategory
  /// The stable id, shown in brackets.
  package var id: String
  /// What was found and what was expected.
  package var text: String
  /// The offending place; nil for messages about files and flags.
  package var span: Span?
  /// Labels under the operands.
  package var operands: [OperandLabel]
  /// Further remarks.
  package var notes: [DiagnosticNote]
  /// How to repair it, if known.
  package var help: String?

  /// Makes a diagnostic from a stage's message and the places it concerns.
  package init(
    _ message: any DiagnosticMessage, at span: Span?, operands: [OperandLabel] = [],
    notes: [DiagnosticNote] = [], help: String? = nil
  ) {
    self.severity = message.severity
    self.category = message.category
    self.id = message.id
    self.text = message.text
    self.span = span
    self.operands = operands
    self.notes = notes
    self.help = help
  }
}
