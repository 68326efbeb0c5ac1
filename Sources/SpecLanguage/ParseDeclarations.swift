// SPDX-License-Identifier: Apache-2.0
//
// The grammar of a file: declarations, parameter trees, and the inner and outer problem.

import Diagnostics

extension Parser {
  /// The words that open a declaration.
  static let declarationWords = [
    "spec", "import", "dim", "preset", "seed", "params", "meta", "func", "optimizer", "inner",
    "outer", "batch",
  ]

  /// True at a word that opens a declaration. `batch = ...` and `seed: ...` are not declarations.
  var startsDeclaration: Bool {
    guard case .identifier(let word) = current.kind, Self.declarationWords.contains(word) else {
      return false
    }
    switch token(ahead: 1).kind {
    case .identifier, .integer, .string: return true
    case .symbol(.leftParenthesis), .symbol(.leftBrace): return word == "inner" || word == "outer"
    default: return false
    }
  }

  /// file = { declaration }
  mutating func parseFile() -> [Declaration] {
    var declarations: [Declaration] = []
    while current.kind != .endOfFile {
      let start = index
      do {
        declarations += try parseDeclaration()
      } catch {
        if index == start { advance() }
        while current.kind != .endOfFile {
          if current.startsLine, startsDeclaration || at(.let) && isAtFirstColumn { break }
          advance()
        }
      }
    }
    return declarations
  }

  private var isAtFirstColumn: Bool { current.span.position.column == 1 }

  /// declaration = "spec" name | "import" string | "dim" dimensions | preset | "seed" integer
  ///   | constant | params | meta | func | optimizer | inner | outer | "batch" name
  private mutating func parseDeclaration() throws(ParseFailure) -> [Declaration] {
    if at(.let) { return [.constant(try parseBinding(isVariable: false))] }
    guard case .identifier(let word) = current.kind, Self.declarationWords.contains(word) else {
      throw failDeclaration()
    }
    let start = advance().span
    switch word {
    case "spec": return [.spec(try expectName("the name of the spec"))]
    case "import": return [try parseImport(start)]
    case "dim": return try parseDimensions()
    case "preset": return [.preset(try parsePreset())]
    case "seed": return [try parseSeed(start)]
    case "params": return [.parameters(try parseTree())]
    case "meta": return [.meta(try parseMeta())]
    case "func": return [.function(try parseFunction())]
    case "optimizer": return [.optimizer(try parseOptimizer())]
    case "inner": return [.inner(try parseInner(start))]
    case "outer": return [.outer(try parseOuter(start))]
    default: return [.batch(try expectName("the dimension that counts the tasks"))]
    }
  }

  private func failDeclaration() -> ParseFailure {
    var help: String?
    if case .identifier(let word) = current.kind {
      help = didYouMean(word, among: Self.declarationWords + ["let"])
    }
    return fail("a declaration (spec, dim, params, meta, func, inner, outer, ...)", help: help)
  }

  private mutating func parseImport(_ start: Span) throws(ParseFailure) -> Declaration {
    guard case .string(let path) = current.kind else { throw fail("the name of a file in quotes") }
    advance()
    return .importing(path: path, span: span(from: start))
  }

  private mutating func parseSeed(_ start: Span) throws(ParseFailure) -> Declaration {
    guard case .integer(let value) = current.kind else { throw fail("a whole number") }
    advance()
    return .seed(value, span: span(from: start))
  }

  /// dimensions = name "=" expression { "," name "=" expression }
  private mutating func parseDimensions() throws(ParseFailure) -> [Declaration] {
    var declarations: [Declaration] = []
    repeat {
      declarations.append(.dimension(try parseDimension("and the dimension's default size")))
    } while accept(.comma)
    return declarations
  }

  private mutating func parseDimension(
    _ purpose: String
  ) throws(ParseFailure) -> DimensionDeclaration {
    let name = try expectName("the name of a dimension")
    try expect(.assign, " " + purpose)
    return DimensionDeclaration(name: name, value: try parseExpression())
  }

  /// preset = string "{" { name "=" expression } "}"
  private mutating func parsePreset() throws(ParseFailure) -> PresetDeclaration {
    guard case .string(let name) = current.kind else { throw fail("the preset's name in quotes") }
    let span = advance().span
    try expect(.leftBrace)
    let sizes = parseList(
      until: .rightBrace,
      canStart: { parser in if case .identifier = parser.current.kind { true } else { false } },
      { (parser) throws(ParseFailure) in try parser.parseDimension("and a size") })
    try expect(.rightBrace, " at the end of the preset")
    return PresetDeclaration(name: name, sizes: sizes, span: span)
  }

  /// tree = name [ "[" expression "]" ] [ ":" ] "{" { member } "}"
  private mutating func parseTree() throws(ParseFailure) -> TreeDeclaration {
    let name = try expectName("the name of a parameter tree")
    return try parseGroup(named: name)
  }

  private mutating func parseGroup(named name: Name) throws(ParseFailure) -> TreeDeclaration {
    try nested { (parser) throws(ParseFailure) in
      var stack: Expression?
      if parser.accept(.leftBracket) {
        stack = try parser.parseExpression()
        try parser.expect(.rightBracket)
      }
      _ = parser.accept(.colon)
      try parser.expect(.leftBrace)
      let members = parser.parseList(
        until: .rightBrace, canStart: { $0.startsMember },
        { (parser) throws(ParseFailure) in try parser.parseMember() })
      try parser.expect(.rightBrace, " at the end of \(name.text)")
      return TreeDeclaration(name: name, stack: stack, members: members)
    }
  }

  private var startsMember: Bool {
    guard case .identifier = current.kind else { return false }
    let next = token(ahead: 1).kind
    return next == .symbol(.colon) || next == .symbol(.leftBracket) || next == .symbol(.leftBrace)
  }

  /// member = leaf | name [ "[" expression "]" ] ":" "{" { member } "}"
  private mutating func parseMember() throws(ParseFailure) -> TreeMember {
    let name = try expectName("the name of a parameter")
    let isGroup =
      at(.leftBracket) || at(.leftBrace)
      || at(.colon) && token(ahead: 1).kind == .symbol(.leftBrace)
    if isGroup { return .group(try parseGroup(named: name)) }
    return .leaf(try parseLeaf(named: name))
  }

  /// leaf = name ":" ( tensor | [ tensor "x" ] "like" path ) [ "~" initializer ]
  mutating func parseLeaf(named name: Name) throws(ParseFailure) -> LeafDeclaration {
    try expect(.colon, " and the shape of \(name.text)")
    let type: LeafType
    if atWordBeforeName("like") {
      advance()
      type = .like(path: try parsePath(), leading: nil)
    } else {
      let tensor = try parseTensor()
      if at(word: "x"), token(ahead: 1).kind == .identifier("like") {
        advance()
        advance()
        type = .like(path: try parsePath(), leading: tensor)
      } else {
        type = .tensor(tensor)
      }
    }
    return LeafDeclaration(name: name, type: type, initializer: try parseInitializer())
  }

  /// initializer = name [ "(" expression { "," expression } ")" ]
  mutating func parseInitializer() throws(ParseFailure) -> InitializerSyntax? {
    guard accept(.tilde) else { return nil }
    let name = try expectName("an initialiser such as normal(0, 0.1)")
    var arguments: [Expression] = []
    if accept(.leftParenthesis) {
      while !at(.rightParenthesis) {
        arguments.append(try parseExpression())
        guard accept(.comma) else { break }
      }
      try expect(.rightParenthesis)
    }
    return InitializerSyntax(name: name, arguments: arguments)
  }

  /// meta = name "=" name ".initial" | leaf | tree
  private mutating func parseMeta() throws(ParseFailure) -> MetaDeclaration {
    let name = try expectName("the name of the meta parameters")
    if accept(.assign) {
      let parameters = try expectName("the name of the parameters, as in theta.initial")
      try expect(.dot, ", as in \(parameters.text).initial")
      guard at(word: "initial") else { throw fail("'initial'") }
      advance()
      return .initial(name: name, parameters: parameters)
    }
    if at(.colon), token(ahead: 1).kind != .symbol(.leftBrace) {
      return .leaf(try parseLeaf(named: name))
    }
    return .tree(try parseGroup(named: name))
  }

  /// inner = "(" data ")" "{" { statement } "minimize" expression steps "}"
  private mutating func parseInner(_ start: Span) throws(ParseFailure) -> InnerDeclaration {
    let data = try parseData()
    try expect(.leftBrace)
    let body = parseStatements()
    try expect(.minimize, " and the inner loss")
    let objective = try parseExpression()
    let (optimizer, arguments, steps) = try parseSteps()
    try expect(.rightBrace, " at the end of inner")
    return InnerDeclaration(
      data: data, body: body, objective: objective, optimizer: optimizer, arguments: arguments,
      steps: steps, span: span(from: start))
  }

  /// outer = [ "(" data ")" ] "{" { statement } "minimize" expression "}"
  private mutating func parseOuter(_ start: Span) throws(ParseFailure) -> OuterDeclaration {
    let data = try parseData()
    try expect(.leftBrace)
    let body = parseStatements()
    try expect(.minimize, " and the outer loss")
    let objective = try parseExpression()
    try expect(.rightBrace, " at the end of outer")
    return OuterDeclaration(
      data: data, body: body, objective: objective, span: span(from: start))
  }

  /// data = "(" { [ "stream" ] [ "shared" ] name ":" tensor [ "~" initializer ] "," } ")"
  private mutating func parseData() throws(ParseFailure) -> [DataDeclaration] {
    guard accept(.leftParenthesis) else { return [] }
    let data = parseList(
      until: .rightParenthesis,
      canStart: { parser in if case .identifier = parser.current.kind { true } else { false } },
      { (parser) throws(ParseFailure) in try parser.parseDatum() })
    try expect(.rightParenthesis, " at the end of the data")
    return data
  }

  private mutating func parseDatum() throws(ParseFailure) -> DataDeclaration {
    var isStream = false
    var isShared = false
    while atWordBeforeName("stream") || atWordBeforeName("shared") {
      if at(word: "stream") { isStream = true } else { isShared = true }
      advance()
    }
    let name = try expectName("the name of a data array")
    try expect(.colon, " and the shape of \(name.text)")
    return DataDeclaration(
      name: name, type: try parseTensor(), isStream: isStream, isShared: isShared,
      initializer: try parseInitializer())
  }
}
