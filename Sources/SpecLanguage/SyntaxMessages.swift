// SPDX-License-Identifier: Apache-2.0
//
// The wording of every error the lexer and the parser report, in alphabetical order of the cases.

import Diagnostics

/// The messages of lexer and parser.
package enum SyntaxMessage: DiagnosticMessage {
  /// A character that starts no token.
  case character(String)
  /// An expression of more operators, one inside of the other, than the compiler follows.
  case depth(limit: Int)
  /// A construct that needs something the text does not have.
  case expected(String, found: String)
  /// A file that could not be read for an `import`.
  case importedFile(String, reason: String)
  /// Expressions nested deeper than the parser follows.
  case nesting(limit: Int)
  /// A number too large for its type.
  case number(String)
  /// A second declaration of something that may be declared once.
  case repeated(String)
  /// A string without its closing quote.
  case string

  package var id: String {
    switch self {
    case .character: "syntax.character"
    case .depth: "syntax.depth"
    case .expected: "syntax.expected"
    case .importedFile: "syntax.import"
    case .nesting: "syntax.nesting"
    case .number: "syntax.number"
    case .repeated: "syntax.repeated"
    case .string: "syntax.string"
    }
  }

  package var text: String {
    switch self {
    case .character(let character): "the character '\(character)' has no meaning here"
    case .depth(let limit):
      "an expression has more than \(limit) levels of operators; name parts of it with 'let'"
    case .expected(let what, let found): "expected \(what), found \(found)"
    case .importedFile(let name, let reason): "cannot read \(name): \(reason)"
    case .nesting(let limit): "expressions are nested more than \(limit) deep"
    case .number(let text): "the number \(text) is too large"
    case .repeated(let what): "\(what) is written twice"
    case .string: "expected a closing '\"' on the same line"
    }
  }
}
