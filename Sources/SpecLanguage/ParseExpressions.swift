// SPDX-License-Identifier: Apache-2.0
//
// The grammar of expressions, loosest binding first:
//
//     if c then a else b, x -> y, minimize ... · or · and · not · < <= > >= == != · + - · * / div mod @ ·
//     unary - · ** ·
//     f(x) x.y x[i]
//
// Operators of one level group to the left, except `**`, which groups to the right and binds
// tighter than a minus before it: -x ** 2 is -(x ** 2).

import Diagnostics

extension Parser {
  /// expression = "if" expression "then" expression "else" expression | function | minimization
  ///   | binary
  mutating func parseExpression() throws(ParseFailure) -> Expression {
    try nested { (parser) throws(ParseFailure) in
      if parser.startsFunction { return try parser.parseFunctionExpression() }
      if parser.at(.minimize) { return try parser.parseMinimization() }
      guard parser.at(.if) else { return try parser.parseBinary(minimum: 1) }
      let start = parser.advance().span
      let condition = try parser.parseExpression()
      try parser.expect(.then)
      let then = try parser.parseExpression()
      try parser.expect(.else)
      let otherwise = try parser.parseExpression()
      return Expression(
        .conditional(condition: condition, then: then, otherwise: otherwise),
        at: parser.span(from: start))
    }
  }

  /// Whether `name ->` or `(name, ...) ->` is next: nothing else in an expression has an arrow.
  private var startsFunction: Bool {
    if case .identifier = current.kind { return token(ahead: 1).kind == .symbol(.arrow) }
    guard at(.leftParenthesis) else { return false }
    var ahead = 1
    while case .identifier = token(ahead: ahead).kind {
      ahead += 1
      guard token(ahead: ahead).kind == .symbol(.comma) else { break }
      ahead += 1
    }
    return token(ahead: ahead).kind == .symbol(.rightParenthesis)
      && token(ahead: ahead + 1).kind == .symbol(.arrow)
  }

  /// function = ( name | "(" { name "," } ")" ) "->" ( expression | "{" { statement } "}" )
  private mutating func parseFunctionExpression() throws(ParseFailure) -> Expression {
    let start = current.span
    var names: [Name] = []
    if accept(.leftParenthesis) {
      while !at(.rightParenthesis) {
        names.append(try expectName("the name of a parameter"))
        guard accept(.comma) else { break }
      }
      try expect(.rightParenthesis)
    } else {
      names.append(try expectName("the name of a parameter"))
    }
    try expect(.arrow)
    let parameters = names.map { ParameterDeclaration(name: $0, type: nil, defaultValue: nil) }
    let isBlock = at(.leftBrace) && startsStatement(ahead: 1)
    let body: [Statement]
    if isBlock {
      advance()
      body = parseStatements()
      try expect(.rightBrace, " at the end of the function")
    } else {
      let result = try parseExpression()
      body = [.returning(result, span: result.span)]
    }
    let function = FunctionExpression(parameters: parameters, body: body, isBlock: isBlock)
    return Expression(.function(function), at: span(from: start))
  }

  /// minimization = "minimize" expression "over" name "=" expression
  ///   "by" name [ arguments ] "for" expression
  private mutating func parseMinimization() throws(ParseFailure) -> Expression {
    let start = advance().span
    let objective = try parseExpression()
    guard at(word: "over") else {
      throw fail("'over' and what to optimise, as in 'over q = theta'")
    }
    advance()
    let variable = try expectName("the name of what is optimised")
    try expect(.assign, " and where \(variable.text) starts")
    let value = try parseExpression()
    let (optimizer, arguments, steps) = try parseSteps()
    let minimization = Minimization(
      objective: objective, variable: variable, start: value, optimizer: optimizer,
      arguments: arguments, steps: steps)
    return Expression(.minimization(minimization), at: span(from: start))
  }

  /// steps = "by" name [ arguments ] "for" expression
  mutating func parseSteps() throws(ParseFailure) -> (
    optimizer: Name, arguments: [Argument], steps: Expression
  ) {
    try expect(.by, " and an optimiser, as in 'by sgd(rate: 0.1)'")
    let optimizer = try expectName("the name of an optimiser")
    let arguments = at(.leftParenthesis) ? try parseArguments() : []
    try expect(.for, " and the number of steps")
    return (optimizer, arguments, try parseExpression())
  }

  private var currentOperator: BinaryOperator? {
    switch current.kind {
    case .keyword(.or): .or
    case .keyword(.and): .and
    case .symbol(let symbol): BinaryOperator(rawValue: symbol.rawValue)
    case .identifier("div") where wordIsOperator: .floorDivide
    case .identifier("mod") where wordIsOperator: .remainder
    default: nil
    }
  }

  /// Whether a word after an operand is an operator: what can follow begins another operand. Where a
  /// statement or a member of that name may begin, it does: `mod = 1`, `mod: [3]`, `mod[0] = 1`.
  private var wordIsOperator: Bool {
    switch token(ahead: 1).kind {
    case .identifier, .integer, .real, .string: return true
    case .keyword(let keyword): return keyword == .true || keyword == .false
    case .symbol(.minus): return true
    case .symbol(.leftParenthesis): return !startsAssignment(ahead: 1)
    case .symbol(.leftBracket): return !startsAssignment(ahead: 0)
    default: return false
    }
  }

  /// binary = unary { operator unary }, by precedence climbing
  private mutating func parseBinary(minimum: Int) throws(ParseFailure) -> Expression {
    var left = try parseUnary(minimum: minimum)
    while let op = currentOperator, op.precedence >= minimum {
      let place = advance().span
      let rightMinimum = op == .power ? op.precedence : op.precedence + 1
      let right = try nested { (parser) throws(ParseFailure) in
        try parser.parseBinary(minimum: rightMinimum)
      }
      left = try checkedDepth(
        Expression(
          .binary(op, at: place, left, right), at: left.span.joined(to: right.span)), at: place)
      if op.isComparison, let next = currentOperator, next.isComparison {
        throw fail("'and' between two comparisons")
      }
    }
    return left
  }

  /// The expression, unless it is too deep: a sum of many terms is as deep as it has terms.
  private func checkedDepth(
    _ expression: Expression, at place: Span
  ) throws(ParseFailure) -> Expression {
    guard expression.depth <= Self.depthLimit else {
      diagnostics.report(SyntaxMessage.depth(limit: Self.depthLimit), at: place)
      throw ParseFailure()
    }
    return expression
  }

  /// unary = "not" binary | "-" binary | postfix
  private mutating func parseUnary(minimum: Int) throws(ParseFailure) -> Expression {
    let start = current.span
    let op: UnaryOperator
    let operandMinimum: Int
    if at(.not) {
      (op, operandMinimum) = (.not, 3)
    } else if at(.minus) {
      (op, operandMinimum) = (.minus, 7)
    } else {
      return try parsePostfix()
    }
    advance()
    let operand = try nested { (parser) throws(ParseFailure) in
      try parser.parseBinary(minimum: max(operandMinimum, min(minimum, 7)))
    }
    return Expression(.unary(op, operand), at: span(from: start))
  }

  /// postfix = primary { "." name | "[" subscripts "]" }
  private mutating func parsePostfix() throws(ParseFailure) -> Expression {
    var result = try parsePrimary()
    while true {
      if accept(.dot) {
        let name = try expectFieldName()
        result = try checkedDepth(
          Expression(.field(result, name), at: result.span.joined(to: name.span)), at: name.span)
      } else if accept(.leftBracket) {
        let subscripts = try parseSubscripts()
        result = try checkedDepth(
          Expression(.subscripted(result, subscripts), at: span(from: result.span)),
          at: previous.span)
      } else {
        return result
      }
    }
  }

  /// primary = number | string | "true" | "false" | name [ arguments ] | "(" ... ")" | "[" ... "]"
  ///   | "{" ... "}" | collection
  private mutating func parsePrimary() throws(ParseFailure) -> Expression {
    let start = current.span
    switch current.kind {
    case .integer(let value): return Expression(.integer(value), at: advance().span)
    case .real(let text): return Expression(.real(text), at: advance().span)
    case .string(let text): return Expression(.string(text), at: advance().span)
    case .keyword(.true): return Expression(.boolean(true), at: advance().span)
    case .keyword(.false): return Expression(.boolean(false), at: advance().span)
    case .identifier(let text):
      advance()
      guard at(.leftParenthesis), !startsAssignment(ahead: 0) else {
        return Expression(.name(text), at: start)
      }
      let arguments = try parseArguments()
      return Expression(
        .call(callee: Name(text, at: start), arguments: arguments), at: span(from: start))
    case .keyword(.for): return try parseCollection()
    case .keyword where isFunctionName:
      let callee = try expectFunctionName()
      return Expression(
        .call(callee: callee, arguments: try parseArguments()), at: span(from: start))
    case .symbol(.leftParenthesis): return try parseParenthesised()
    case .symbol(.leftBracket):
      advance()
      let elements = try parseElements(until: .rightBracket)
      return Expression(.list(elements), at: span(from: start))
    case .symbol(.leftBrace): return try parseRecord()
    default: throw fail("an expression")
    }
  }

  /// "(" expression ")" | "(" expression "," ... ")"
  private mutating func parseParenthesised() throws(ParseFailure) -> Expression {
    let start = advance().span
    let first = try parseExpression()
    if accept(.rightParenthesis) { return Expression(first.kind, at: span(from: start)) }
    try expect(.comma, " or ')'")
    let rest = try parseElements(until: .rightParenthesis)
    return Expression(.tuple([first] + rest), at: span(from: start))
  }

  /// { expression "," } and the closing symbol
  private mutating func parseElements(until close: Symbol) throws(ParseFailure) -> [Expression] {
    var elements: [Expression] = []
    while !at(close) {
      elements.append(try parseExpression())
      guard accept(.comma) else { break }
    }
    try expect(close)
    return elements
  }

  /// "{" { name ":" expression "," } "}"
  private mutating func parseRecord() throws(ParseFailure) -> Expression {
    let start = advance().span
    var fields: [RecordField] = []
    while !at(.rightBrace) {
      let name = try expectName("the name of a field")
      try expect(.colon)
      fields.append(RecordField(name: name, value: try parseExpression()))
      guard accept(.comma) else { break }
    }
    try expect(.rightBrace)
    return Expression(.record(fields), at: span(from: start))
  }

  /// arguments = "(" { [ name ":" ] expression "," } ")"
  mutating func parseArguments() throws(ParseFailure) -> [Argument] {
    try expect(.leftParenthesis)
    var arguments: [Argument] = []
    while !at(.rightParenthesis) {
      var name: Name?
      if case .identifier(let text) = current.kind, token(ahead: 1).kind == .symbol(.colon) {
        name = Name(text, at: advance().span)
        advance()
      }
      arguments.append(Argument(name: name, value: try parseExpression()))
      guard accept(.comma) else { break }
    }
    try expect(.rightParenthesis, " at the end of the arguments")
    return arguments
  }

  /// subscripts = { "..." | expression | [ expression ] ":" [ expression ] [ ":" expression ] "," }
  mutating func parseSubscripts() throws(ParseFailure) -> [Subscript] {
    var subscripts: [Subscript] = []
    while !at(.rightBracket) {
      subscripts.append(try parseSubscript())
      guard accept(.comma) else { break }
    }
    try expect(.rightBracket)
    return subscripts
  }

  private mutating func parseSubscript() throws(ParseFailure) -> Subscript {
    let start = current.span
    if accept(.ellipsis) { return .ellipsis(start) }
    let from = at(.colon) ? nil : try parseExpression()
    guard accept(.colon) else {
      guard let from else { throw fail("a position or a range") }
      return .position(from)
    }
    let endsPart = at(.colon) || at(.comma) || at(.rightBracket)
    let to = endsPart ? nil : try parseExpression()
    let by = accept(.colon) ? try parseExpression() : nil
    return .range(from: from, to: to, by: by, span: span(from: start))
  }
}
