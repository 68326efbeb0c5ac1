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

  /// { statement } up to "}", "minimize" or "yield"
  mutating func parseStatements() -> [Statement] {
    var statements: [Statement] = []
    while !endsStatements, current.kind != .endOfFile {
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

  private var endsStatements: Bool { at(.rightBrace) || at(.minimize) || at(.yield) }

  /// Skips to the end of the block or the next line that starts a statement; false if a
  /// declaration comes first, because then the end of the block is missing.
  private mutating func skipToStatement() -> Bool {
    var depth = 0
    while current.kind != .endOfFile {
      if depth == 0, endsStatements { return true }
      if current.startsLine, startsDeclaration { return false }
      if depth == 0, current.startsLine, startsStatement { return true }
      if at(.leftBrace) { depth += 1 }
      if at(.rightBrace) { depth -= 1 }
      advance()
    }
    return false
  }

  private var startsStatement: Bool { startsStatement(ahead: 0) }

  /// Whether a statement starts so many tokens further on.
  func startsStatement(ahead: Int) -> Bool {
    switch token(ahead: ahead).kind {
    case .keyword(.let), .keyword(.var), .keyword(.for), .keyword(.return): true
    default: startsAssignment(ahead: ahead)
    }
  }

  /// Whether `targets "="` is next, so many tokens further on. Nothing else that begins like targets
  /// is followed by an equals sign.
  func startsAssignment(ahead: Int) -> Bool {
    guard token(ahead: ahead).kind == .symbol(.leftParenthesis) else {
      return endOfTarget(ahead: ahead).map { token(ahead: $0).kind == .symbol(.assign) } ?? false
    }
    var next = ahead
    repeat {
      guard let end = endOfTarget(ahead: next + 1) else { return false }
      next = end
    } while token(ahead: next).kind == .symbol(.comma)
    return token(ahead: next).kind == .symbol(.rightParenthesis)
      && token(ahead: next + 1).kind == .symbol(.assign)
  }

  /// Where the target that begins so many tokens further on is over, if one does.
  private func endOfTarget(ahead: Int) -> Int? {
    guard case .identifier = token(ahead: ahead).kind else { return nil }
    var next = ahead + 1
    while true {
      switch token(ahead: next).kind {
      case .symbol(.dot): next += 2
      case .symbol(.leftBracket):
        guard let end = closing(.leftBracket, .rightBracket, ahead: next) else { return nil }
        next = end + 1
      default: return next
      }
    }
  }

  /// Where the bracket that opens so many tokens further on is closed, if it is before a brace is.
  func closing(_ open: Symbol, _ close: Symbol, ahead: Int) -> Int? {
    var (depth, braces) = (0, 0)
    for place in index + ahead..<tokens.count {
      switch tokens[place].kind {
      case .symbol(open): depth += 1
      case .symbol(close):
        depth -= 1
        if depth == 0 { return place - index }
      case .symbol(.leftBrace): braces += 1
      case .symbol(.rightBrace):
        braces -= 1
        if braces < 0 { return nil }
      default: break
      }
    }
    return nil
  }

  /// statement = "let" binding | "var" binding | for | "return" expression | targets "=" expression
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
    let (targets, isTuple) = try parseTargets()
    try expect(.assign)
    return .assignment(targets, isTuple: isTuple, try parseExpression())
  }

  /// targets = target | "(" target { "," target } ")"
  private mutating func parseTargets() throws(ParseFailure) -> ([AssignmentTarget], Bool) {
    guard accept(.leftParenthesis) else { return ([try parseTarget()], false) }
    var targets: [AssignmentTarget] = []
    repeat { targets.append(try parseTarget()) } while accept(.comma)
    try expect(.rightParenthesis)
    return (targets, true)
  }

  /// target = name { "." name | "[" subscripts "]" }
  private mutating func parseTarget() throws(ParseFailure) -> AssignmentTarget {
    let name = try expectName("a name")
    var path: [AssignmentTarget.Step] = []
    while true {
      let start = current.span
      if accept(.dot) {
        path.append(.field(try expectFieldName()))
      } else if accept(.leftBracket) {
        path.append(.subscripts(try parseSubscripts(), span: span(from: start)))
      } else {
        return AssignmentTarget(name: name, path: path, span: span(from: name.span))
      }
    }
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

  mutating func parsePattern() throws(ParseFailure) -> (names: [Name], isTuple: Bool) {
    guard accept(.leftParenthesis) else { return ([try expectName("a name")], false) }
    var names: [Name] = []
    repeat { names.append(try expectName("a name")) } while accept(.comma)
    try expect(.rightParenthesis)
    return (names, true)
  }
}
