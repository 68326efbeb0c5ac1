// SPDX-License-Identifier: Apache-2.0
//
// The parser's core: looking at tokens, demanding tokens, and going on after an error.
// It is a recursive-descent parser; the grammar is in ParseDeclarations.swift,
// ParseStatements.swift and ParseExpressions.swift, one method per rule, each opened by its rule:
//
//     { x }  any number of x      [ x ]  optional x      "x"  the text x
//
// A rule that cannot go on reports one error and throws; the nearest list (of declarations,
// statements or members) catches it, skips to the next line that can start an element, and goes
// on, so that one run reports many errors.

package import Diagnostics

/// Parses a file. The result is nil only if no declaration could be read at all; callers must ask
/// the collector whether there were errors.
///
/// - Errors: ids `syntax.*`.
package func parse(_ file: SourceFile, diagnostics: DiagnosticCollector) -> SpecFile {
  var parser = Parser(
    tokens: tokenize(file, diagnostics: diagnostics), diagnostics: diagnostics)
  return SpecFile(source: file, declarations: parser.parseFile())
}

/// Thrown after an error was reported.
struct ParseFailure: Error {}

struct Parser {
  /// Nesting beyond this is refused, so that no input can exhaust the stack.
  static let nestingLimit = 200

  /// An expression with more levels is refused: every stage that follows it would need that much
  /// more of the stack.
  static let depthLimit = 10_000

  let tokens: [Token]
  let diagnostics: DiagnosticCollector
  var index = 0
  var nesting = 0

  init(tokens: [Token], diagnostics: DiagnosticCollector) {
    self.tokens = tokens
    self.diagnostics = diagnostics
  }

  /// The token to be read next; the last one is never passed.
  var current: Token { tokens[index] }

  /// The token before the current one, whose end is the end of the node just parsed.
  var previous: Token { tokens[max(index - 1, 0)] }

  /// The token `distance` ahead, or the last one.
  func token(ahead distance: Int) -> Token { tokens[min(index + distance, tokens.count - 1)] }

  @discardableResult
  mutating func advance() -> Token {
    let token = current
    if index < tokens.count - 1 { index += 1 }
    return token
  }

  func at(_ symbol: Symbol) -> Bool { current.kind == .symbol(symbol) }

  func at(_ keyword: Keyword) -> Bool { current.kind == .keyword(keyword) }

  /// True at a word that is special only here.
  func at(word: String) -> Bool { current.kind == .identifier(word) }

  /// True if the current token is a word that is special here and a name follows.
  func atWordBeforeName(_ word: String) -> Bool {
    guard at(word: word), case .identifier = token(ahead: 1).kind else { return false }
    return true
  }

  /// Passes the symbol if it is there.
  mutating func accept(_ symbol: Symbol) -> Bool {
    guard at(symbol) else { return false }
    advance()
    return true
  }

  mutating func accept(_ keyword: Keyword) -> Bool {
    guard at(keyword) else { return false }
    advance()
    return true
  }

  @discardableResult
  mutating func expect(_ symbol: Symbol, _ purpose: String = "") throws(ParseFailure) -> Token {
    guard at(symbol) else { throw fail("'\(symbol.rawValue)'" + purpose) }
    return advance()
  }

  @discardableResult
  mutating func expect(_ keyword: Keyword, _ purpose: String = "") throws(ParseFailure) -> Token {
    guard at(keyword) else { throw fail("'\(keyword.rawValue)'" + purpose) }
    return advance()
  }

  mutating func expectName(_ what: String) throws(ParseFailure) -> Name {
    guard case .identifier(let text) = current.kind else { throw fail(what) }
    return Name(text, at: advance().span)
  }

  /// Whether the current token is the name of a function: before a parenthesis `var` is one, since the
  /// variance has no other name anywhere.
  var isFunctionName: Bool {
    if case .identifier = current.kind { return true }
    return at(.var) && token(ahead: 1).kind == .symbol(.leftParenthesis)
  }

  mutating func expectFunctionName() throws(ParseFailure) -> Name {
    guard isFunctionName, at(.var) else { return try expectName("the name of a function") }
    return Name(Keyword.var.rawValue, at: advance().span)
  }

  /// After a dot any word is a name, reserved or not.
  mutating func expectFieldName() throws(ParseFailure) -> Name {
    if case .keyword(let keyword) = current.kind {
      return Name(keyword.rawValue, at: advance().span)
    }
    return try expectName("the name of a field")
  }

  /// Reports that something else was expected at the current token.
  func fail(_ what: String, help: String? = nil) -> ParseFailure {
    let found = current.kind.description
    diagnostics.report(SyntaxMessage.expected(what, found: found), at: current.span, help: help)
    return ParseFailure()
  }

  /// The span from a first token to the last one read.
  func span(from start: Span) -> Span { start.joined(to: previous.span) }

  /// Runs a rule one level deeper, refusing to go too deep.
  mutating func nested<Result>(
    _ rule: (inout Parser) throws(ParseFailure) -> Result
  ) throws(ParseFailure) -> Result {
    guard nesting < Self.nestingLimit else {
      diagnostics.report(SyntaxMessage.nesting(limit: Self.nestingLimit), at: current.span)
      throw ParseFailure()
    }
    nesting += 1
    defer { nesting -= 1 }
    return try rule(&self)
  }

  /// `element { [","] element }` up to a closing symbol, which is left to the caller.
  /// After a failed element, goes on at the next token for which `canStart` holds.
  mutating func parseList<Element>(
    until close: Symbol, canStart: (Parser) -> Bool,
    _ element: (inout Parser) throws(ParseFailure) -> Element
  ) -> [Element] {
    var elements: [Element] = []
    while !at(close), current.kind != .endOfFile {
      let start = index
      do {
        elements.append(try element(&self))
        _ = accept(.comma)
      } catch {
        recover(from: start, until: close, canStart: canStart)
        // A declaration at the start of a line means that the closing symbol is missing.
        if !at(close), !canStart(self) { return elements }
      }
    }
    return elements
  }

  /// Skips to `close`, to a line that can start an element, or to one that starts a declaration.
  private mutating func recover(
    from start: Int, until close: Symbol, canStart: (Parser) -> Bool
  ) {
    if index == start { advance() }
    var depth = 0
    while current.kind != .endOfFile {
      if depth == 0, at(close) { return }
      if current.startsLine, startsDeclaration { return }
      if depth == 0, current.startsLine, canStart(self) { return }
      if opensBracket { depth += 1 }
      if closesBracket, depth > 0 { depth -= 1 }
      advance()
    }
  }

  private var opensBracket: Bool { at(.leftBrace) || at(.leftBracket) || at(.leftParenthesis) }

  private var closesBracket: Bool { at(.rightBrace) || at(.rightBracket) || at(.rightParenthesis) }
}
