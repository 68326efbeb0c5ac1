// SPDX-License-Identifier: Apache-2.0
//
// The grammar of functions, optimisers and statements, and of the types in their signatures.

import Diagnostics

extension Parser {
  /// function = name [ "<" name { "," name } ">" ] parameters [ "->" type ] "{" { statement } "}"
  mutating func parseFunction() throws(ParseFailure) -> FunctionDeclaration {
    let name = try expectFunctionName()
    var variables: [Name] = []
    if accept(.less) {
      repeat { variables.append(try expectName("the name of a size")) } while accept(.comma)
      try expect(.greater)
    }
    let parameters = try parseParameters()
    let result = accept(.arrow) ? try parseType() : nil
    try expect(.leftBrace)
    let body = parseStatements()
    try expect(.rightBrace, " at the end of \(name.text)")
    return FunctionDeclaration(
      name: name, shapeVariables: variables, parameters: parameters, result: result, body: body)
  }

  /// optimizer = name parameters "{" { "state" leaf }
  ///   "update" "(" name "," name "," name ")" "{" { statement } "}" "}"
  mutating func parseOptimizer() throws(ParseFailure) -> OptimizerDeclaration {
    let name = try expectName("the name of an optimiser")
    let parameters = at(.leftParenthesis) ? try parseParameters() : []
    try expect(.leftBrace)
    var states: [LeafDeclaration] = []
    while atWordBeforeName("state") {
      advance()
      states.append(try parseLeaf(named: try expectName("the name of a state")))
    }
    guard at(word: "update") else { throw fail("'state' or 'update'") }
    advance()
    try expect(.leftParenthesis)
    var names: [Name] = []
    repeat { names.append(try expectName("a name")) } while accept(.comma) && names.count < 3
    try expect(
      .rightParenthesis, ": update takes the gradient, the parameters and the step's number")
    try expect(.leftBrace)
    let body = parseStatements()
    try expect(.rightBrace, " at the end of update")
    try expect(.rightBrace, " at the end of \(name.text)")
    return OptimizerDeclaration(
      name: name, parameters: parameters, states: states, updateParameters: names, update: body)
  }

  /// parameters = "(" { name [ ":" type ] [ "=" expression ] "," } ")"
  private mutating func parseParameters() throws(ParseFailure) -> [ParameterDeclaration] {
    try expect(.leftParenthesis)
    var parameters: [ParameterDeclaration] = []
    while !at(.rightParenthesis) {
      let name = try expectName("the name of a parameter")
      let type = accept(.colon) ? try parseType() : nil
      let value = accept(.assign) ? try parseExpression() : nil
      parameters.append(ParameterDeclaration(name: name, type: type, defaultValue: value))
      guard accept(.comma) else { break }
    }
    try expect(.rightParenthesis, " at the end of the parameters")
    return parameters
  }

  /// type = tensor | [ "each" ] path | "(" type { "," type } ")"
  mutating func parseType() throws(ParseFailure) -> TypeSyntax {
    let start = current.span
    if accept(.leftParenthesis) {
      var parts: [TypeSyntax] = []
      repeat {
        parts.append(
          try nested { (parser) throws(ParseFailure) in try parser.parseType() })
      } while accept(.comma)
      try expect(.rightParenthesis)
      return .tuple(parts, span: span(from: start))
    }
    if case .identifier = current.kind, token(ahead: 1).kind != .symbol(.leftBracket) {
      let isElement = atWordBeforeName("each")
      if isElement { advance() }
      return .tree(path: try parsePath(), isElement: isElement)
    }
    return .tensor(try parseTensor())
  }

  /// path = name { "." name }
  mutating func parsePath() throws(ParseFailure) -> [Name] {
    var path = [try expectName("the name of a parameter tree")]
    while accept(.dot) { path.append(try expectFieldName()) }
    return path
  }

  /// tensor = [ name ] "[" { ( expression | "..." ) "," } "]"
  mutating func parseTensor() throws(ParseFailure) -> TensorSyntax {
    let start = current.span
    var elementType: Name?
    if case .identifier(let text) = current.kind { elementType = Name(text, at: advance().span) }
    try expect(.leftBracket, " and the sizes of the axes")
    var shape: [ShapeEntry] = []
    while !at(.rightBracket) {
      if at(.ellipsis) {
        shape.append(.ellipsis(advance().span))
      } else {
        shape.append(.size(try parseExpression()))
      }
      guard accept(.comma) else { break }
    }
    try expect(.rightBracket)
    return TensorSyntax(elementType: elementType, shape: shape, span: span(from: start))
  }

  /// { statement } up to "}" or "minimize"
  mutating func parseStatements() -> [Statement] {
    var statements: [Statement] = []
    while !at(.rightBrace), !at(.minimize), current.kind != .endOfFile {
      let start = index
      do {
        statements.append(
          try nested { (parser) throws(ParseFailure) in try parser.parseStatement() })
      } catch {
        if index == start { advance() }
        if !skipToStatement() { return statements }
      }
    }
    return statements
  }

  /// Skips to the end of the block or the next line that starts a statement; false if a
  /// declaration comes first, because then the end of the block is missing.
  private mutating func skipToStatement() -> Bool {
    var depth = 0
    while current.kind != .endOfFile {
      if depth == 0, at(.rightBrace) || at(.minimize) { return true }
      if current.startsLine, startsDeclaration { return false }
      if depth == 0, current.startsLine, startsStatement { return true }
      if at(.leftBrace) { depth += 1 }
      if at(.rightBrace) { depth -= 1 }
      advance()
    }
    return false
  }

  private var startsStatement: Bool {
    if at(.let) || at(.var) || at(.for) || at(.return) { return true }
    guard case .identifier = current.kind else { return false }
    return token(ahead: 1).kind == .symbol(.assign)
  }

  /// statement = "let" binding | "var" binding | for | "return" expression | name "=" expression
  private mutating func parseStatement() throws(ParseFailure) -> Statement {
    let start = current.span
    if at(.let) || at(.var) { return .binding(try parseBinding(isVariable: at(.var))) }
    if at(.for) { return .loop(try parseLoop()) }
    if accept(.return) {
      let value = try parseExpression()
      return .returning(value, span: span(from: start))
    }
    guard startsStatement else {
      throw fail("a statement (let, var, for, return, or name = value)")
    }
    let name = try expectName("a name")
    try expect(.assign)
    return .assignment(name, try parseExpression())
  }

  /// binding = ( name | "(" name { "," name } ")" ) [ ":" type ] "=" expression
  mutating func parseBinding(isVariable: Bool) throws(ParseFailure) -> BindingStatement {
    advance()
    let (names, isTuple) = try parsePattern()
    let type = accept(.colon) ? try parseType() : nil
    try expect(.assign, " and a value")
    return BindingStatement(
      names: names, isTuple: isTuple, isVariable: isVariable, type: type,
      value: try parseExpression())
  }

  private mutating func parsePattern() throws(ParseFailure) -> (names: [Name], isTuple: Bool) {
    guard accept(.leftParenthesis) else { return ([try expectName("a name")], false) }
    var names: [Name] = []
    repeat { names.append(try expectName("a name")) } while accept(.comma)
    try expect(.rightParenthesis)
    return (names, true)
  }

  /// for = "for" pattern "in" expression "{" { statement } "}"
  private mutating func parseLoop() throws(ParseFailure) -> ForStatement {
    let start = advance().span
    let (names, isTuple) = try parsePattern()
    try expect(.in, " and what to go through")
    let sequence = try parseExpression()
    let head = span(from: start)
    try expect(.leftBrace)
    let body = parseStatements()
    try expect(.rightBrace, " at the end of the loop")
    return ForStatement(
      names: names, isTuple: isTuple, sequence: sequence, body: body, span: head)
  }
}
