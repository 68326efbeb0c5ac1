// SPDX-License-Identifier: Apache-2.0
//
// The words of the language. Only the words that open a statement or an expression are reserved;
// `spec`, `dim`, `batch`, `inner`, `state` and the like are recognised where the grammar expects
// them, so that a dimension may be called `batch` and a parameter `state`.

package import Diagnostics

/// The kind of a token, with its value where it has one.
package enum TokenKind: Hashable, Sendable {
  case identifier(String)
  case keyword(Keyword)
  /// A whole number.
  case integer(Int)
  /// A number with a point or an exponent, as it was written.
  case real(String)
  /// The text between double quotes.
  case string(String)
  case symbol(Symbol)
  case endOfFile
}

/// The reserved words.
package enum Keyword: String, CaseIterable, Sendable {
  case `let`, `var`, `for`, `in`, `if`, then, `else`, `return`, yield, minimize, by
  case and, or, not, `true`, `false`
}

/// Punctuation and operators; the raw value is the spelling.
package enum Symbol: String, CaseIterable, Sendable {
  case leftBrace = "{"
  case rightBrace = "}"
  case leftParenthesis = "("
  case rightParenthesis = ")"
  case leftBracket = "["
  case rightBracket = "]"
  case comma = ","
  case colon = ":"
  case dot = "."
  case ellipsis = "..."
  case assign = "="
  case tilde = "~"
  case arrow = "->"
  case plus = "+"
  case minus = "-"
  case star = "*"
  case doubleStar = "**"
  case slash = "/"
  case at = "@"
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case equal = "=="
  case notEqual = "!="
}

/// One token and its place.
package struct Token: Sendable {
  /// What it is.
  package let kind: TokenKind
  /// Where it stands.
  package let span: Span
  /// True if it is the first token of its line; recovery after an error looks for such tokens.
  package let startsLine: Bool
}

extension TokenKind {
  /// The token as messages name it: quoted if it has a fixed spelling.
  package var description: String {
    switch self {
    case .identifier(let name): "'\(name)'"
    case .keyword(let keyword): "'\(keyword.rawValue)'"
    case .integer(let value): "'\(value)'"
    case .real(let text): "'\(text)'"
    case .string: "a string"
    case .symbol(let symbol): "'\(symbol.rawValue)'"
    case .endOfFile: "the end of the file"
    }
  }
}

/// The tokens of a file as text, one a line with its place: what `mixfuse dump --stage tokens` shows.
package func describeTokens(_ tokens: [Token]) -> String {
  tokens.map { token in
    let position = token.span.position
    return "\(position.line):\(position.column)\t\(token.kind.description)\n"
  }.joined()
}
