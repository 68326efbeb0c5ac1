// SPDX-License-Identifier: Apache-2.0
//
// The grammar of loops, as statements and as expressions, whose value is what iterations yield.

import Diagnostics

extension Parser {
  /// collection = for, whose body ends with "yield" expression
  mutating func parseCollection() throws(ParseFailure) -> Expression {
    let start = current.span
    let loop = try parseLoop()
    guard loop.yielded != nil else {
      diagnostics.report(
        SyntaxMessage.expected(
          "'yield' and what the loop collects", found: previous.kind.description),
        at: previous.span)
      throw ParseFailure()
    }
    return Expression(.loop(loop), at: span(from: start))
  }

  /// for = "for" pattern "in" sequence "{" { statement } [ "yield" expression ] "}"
  mutating func parseLoop() throws(ParseFailure) -> ForStatement {
    let start = advance().span
    let (names, isTuple) = try parsePattern()
    try expect(.in, " and what to go through")
    let (sequence, isReversed) = try parseSequence()
    let head = span(from: start)
    try expect(.leftBrace)
    let body = parseStatements()
    let yielded = accept(.yield) ? try parseExpression() : nil
    try expect(.rightBrace, " at the end of the loop")
    return ForStatement(
      names: names, isTuple: isTuple, sequence: sequence, isReversed: isReversed, body: body,
      yielded: yielded, span: head)
  }

  /// sequence = item | "(" item { "," item } ")" | "reversed" "(" item { "," item } ")"
  private mutating func parseSequence() throws(ParseFailure) -> (Expression, isReversed: Bool) {
    let isReversed = at(word: "reversed") && isWhole(ahead: 1)
    if isReversed { advance() }
    guard isWhole(ahead: 0) else { return (try parseItem(), false) }
    let start = advance().span
    var items = [try parseItem()]
    var isTuple = false
    while accept(.comma) {
      isTuple = true
      if at(.rightParenthesis) { break }
      items.append(try parseItem())
    }
    try expect(.rightParenthesis)
    let kind = isTuple ? Expression.Kind.tuple(items) : items[0].kind
    return (Expression(kind, at: span(from: start)), isReversed)
  }

  /// Whether parentheses so many tokens further on are all that stands before the body of a loop.
  private func isWhole(ahead: Int) -> Bool {
    guard token(ahead: ahead).kind == .symbol(.leftParenthesis),
      let end = closing(.leftParenthesis, .rightParenthesis, ahead: ahead)
    else { return false }
    return token(ahead: end + 1).kind == .symbol(.leftBrace)
  }

  /// item = expression [ ":" expression [ ":" expression ] ]
  private mutating func parseItem() throws(ParseFailure) -> Expression {
    let from = try parseExpression()
    guard accept(.colon) else { return from }
    let to = try parseExpression()
    let by = accept(.colon) ? try parseExpression() : nil
    return Expression(.range(from: from, to: to, by: by), at: span(from: from.span))
  }
}
