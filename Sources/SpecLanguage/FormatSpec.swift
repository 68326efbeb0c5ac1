// SPDX-License-Identifier: Apache-2.0
//
// A spec in the one layout that all specs have: what `mixfuse format` writes. It works on tokens, so
// comments stay, and it changes blanks alone. Where lines end is the author's choice; how far they are
// indented and what stands between two tokens is not:
//
//     - two spaces for each bracket that is open, and for a line that goes on with an operator;
//     - one space around operators, none inside of parentheses;
//     - columns that the author aligned (two spaces or more, between members of a tree and before a
//       comment) stay;
//     - at most one empty line, none at the ends, one line break at the end of the file.

package import Diagnostics

/// The text of a file in the standard layout; nil after an error.
///
/// The tokens of the result are those of the file, comments included, and formatting it again changes
/// nothing.
///
/// - Errors: those of `parse`.
package func formatted(_ file: SourceFile, diagnostics: DiagnosticCollector) -> String? {
  _ = parse(file, diagnostics: diagnostics)
  guard !diagnostics.hasErrors else { return nil }
  var formatter = SpecFormatter(file: file, tokens: tokenize(file, diagnostics: diagnostics))
  return formatter.text()
}

/// A token, or a comment, with what stood before it.
private struct LayoutItem {
  var text: String
  /// Nil for a comment.
  var kind: TokenKind?
  /// The line breaks before it.
  var lineBreaks: Int
  /// The blanks before it, if it does not begin a line.
  var blanks: Int

  var isComment: Bool { kind == nil }
  var symbol: Symbol? { if case .symbol(let symbol)? = kind { symbol } else { nil } }
  var opens: Bool { [.leftBrace, .leftBracket, .leftParenthesis].contains(symbol) }
  var closes: Bool { [.rightBrace, .rightBracket, .rightParenthesis].contains(symbol) }
  /// A name, a number or a string: something that a value can end with.
  var isOperand: Bool {
    switch kind {
    case .identifier?, .integer?, .real?, .string?, .keyword(.true)?, .keyword(.false)?: true
    default: false
    }
  }
}

private struct SpecFormatter {
  private let items: [LayoutItem]
  private var result = ""
  /// For each open bracket the indentation of the line that it belongs to, what it is, and whether it
  /// is no brace and has something behind it on its line.
  private var open: [(indentation: Int, symbol: Symbol, hangs: Bool)] = []
  private var indentation = 0
  /// Open angle brackets of shape variables: `func f<n, d>`.
  private var isInShapeVariables = false
  /// The position of the last one that closed some.
  private var shapeVariablesEnd: Int?

  init(file: SourceFile, tokens: [Token]) {
    var items: [LayoutItem] = []
    var end = 0
    for token in tokens {
      let gap = String(decoding: file.bytes[end..<token.span.start], as: UTF8.self)
      items += Self.items(of: gap, before: token)
      end = token.span.end
    }
    self.items = items
  }

  /// The comments in a gap, and the token after it.
  private static func items(of gap: String, before token: Token) -> [LayoutItem] {
    var items: [LayoutItem] = []
    var item = LayoutItem(text: "", kind: token.kind, lineBreaks: 0, blanks: 0)
    let lines = gap.split(separator: "\n", omittingEmptySubsequences: false)
    for (number, line) in lines.enumerated() {
      if number > 0 {
        item.lineBreaks += 1
        item.blanks = 0
      }
      guard let slash = line.firstIndex(of: "/") else {
        item.blanks += line.count
        continue
      }
      var comment = item
      comment.kind = nil
      comment.blanks += line.distance(from: line.startIndex, to: slash)
      comment.text = String(line[slash...].reversed().drop { $0.isWhitespace }.reversed())
      items.append(comment)
      item.lineBreaks = 0
    }
    item.text = token.span.text
    return token.kind == .endOfFile ? items : items + [item]
  }

  mutating func text() -> String {
    for index in items.indices {
      let item = items[index]
      if item.lineBreaks > 0 || index == 0 {
        if index > 0 { result += item.lineBreaks > 1 ? "\n\n" : "\n" }
        indentation = lineIndentation(index)
        result += String(repeating: " ", count: indentation)
      } else {
        result += String(repeating: " ", count: spaces(before: index))
      }
      result += item.text
      noteBrackets(index)
    }
    return result.isEmpty ? "" : result + "\n"
  }

  // MARK: Lines

  /// The indentation of a line that begins with an item.
  private func lineIndentation(_ index: Int) -> Int {
    if items[index].closes {
      var closing = 1
      while index + closing < items.count, items[index + closing].closes,
        items[index + closing].lineBreaks == 0
      { closing += 1 }
      return open.count >= closing ? open[open.count - closing].indentation : 0
    }
    guard let around = open.last else { return continues(index) ? 2 : 0 }
    // What begins beside its bracket goes on further in than a body does.
    if around.hangs { return around.indentation + 6 }
    return around.indentation + (continues(index) ? 4 : 2)
  }

  /// Whether a line goes on with what the line before began: by an operator at either side of the
  /// line break.
  private func continues(_ index: Int) -> Bool {
    let item = items[index]
    guard !item.isComment, let previous = items[..<index].last(where: { !$0.isComment }) else {
      return false
    }
    if open.last.map({ $0.symbol != .leftBrace }) ?? false { return false }
    return joins(item, isFirst: true) || joins(previous, isFirst: false)
  }

  private func joins(_ item: LayoutItem, isFirst: Bool) -> Bool {
    switch item.kind {
    case .symbol(let symbol)?:
      switch symbol {
      case .plus, .minus, .star, .doubleStar, .slash, .at, .less, .lessOrEqual, .greater,
        .greaterOrEqual, .equal, .notEqual, .assign, .tilde, .arrow:
        true
      case .dot: isFirst
      case .leftBrace, .rightBrace, .leftParenthesis, .rightParenthesis, .leftBracket,
        .rightBracket, .comma, .colon, .ellipsis:
        false
      }
    case .keyword(let keyword)?: [.and, .or, .then, .else].contains(keyword)
    default: false
    }
  }

  private mutating func noteBrackets(_ index: Int) {
    let item = items[index]
    if let symbol = item.symbol, item.opens {
      let next = index + 1 < items.count ? items[index + 1] : nil
      let hasMore = next.map { $0.lineBreaks == 0 && !$0.isComment } ?? false
      open.append((indentation, symbol, symbol != .leftBrace && hasMore))
    } else if item.closes, let opened = open.popLast() {
      // What follows belongs to the line on which the bracket was opened.
      indentation = opened.indentation
    }
    if item.symbol == .less, index >= 2, items[index - 2].kind == .identifier("func") {
      isInShapeVariables = true
    } else if item.symbol == .greater, isInShapeVariables {
      isInShapeVariables = false
      shapeVariablesEnd = index
    }
  }

  // MARK: Spaces

  /// The spaces between an item and the one before it on its line.
  private func spaces(before index: Int) -> Int {
    let (left, right) = (items[index - 1], items[index])
    if right.isComment { return max(right.blanks, 2) }
    let isAligned = right.blanks > 1 && beginsMember(index)
    return isAligned ? right.blanks : usualSpaces(left, right, index)
  }

  /// Whether an item is the first of a member of a tree or of a statement: it follows something
  /// complete, and is a word.
  private func beginsMember(_ index: Int) -> Bool {
    guard open.last.map({ $0.symbol == .leftBrace }) ?? false else { return false }
    let left = items[index - 1]
    let isWord =
      switch items[index].kind {
      case .identifier?, .keyword?: true
      default: false
      }
    return isWord && (left.isOperand || left.closes || left.symbol == .comma || left.opens)
  }

  private func usualSpaces(_ left: LayoutItem, _ right: LayoutItem, _ index: Int) -> Int {
    let given = min(right.blanks, 1)
    if [.rightParenthesis, .rightBracket, .comma].contains(right.symbol) { return 0 }
    if [.leftParenthesis, .leftBracket].contains(left.symbol) { return 0 }
    if left.symbol == .dot || right.symbol == .dot { return 0 }
    // Records hug their braces, blocks do not: both are written with them.
    if left.symbol == .leftBrace || right.symbol == .rightBrace { return given }
    if left.symbol == .comma { return 1 }
    if right.symbol == .leftParenthesis && shapeVariablesEnd == index - 1 { return 0 }
    if isInShapeVariables
      || right.symbol == .less && items[max(index - 2, 0)].kind == .identifier("func")
    {
      return 0
    }
    // Ranges have blanks around their colons, types after them, subscripts as they are written.
    if right.symbol == .colon { return given }
    if left.symbol == .colon {
      return items[index - 1].blanks == 0 && !isInSubscript ? 1 : given
    }
    if left.symbol == .minus && isPrefix(index - 1) { return 0 }
    if right.symbol == .leftParenthesis { return spacesBeforeCall(left, given) }
    if right.symbol == .leftBracket { return spacesBeforeSubscript(left, given) }
    return 1
  }

  private var isInSubscript: Bool { open.last?.symbol == .leftBracket }

  /// Whether the minus at a position is a sign.
  private func isPrefix(_ index: Int) -> Bool {
    guard index > 0 else { return true }
    let left = items[index - 1]
    return !(left.isOperand || left.closes)
  }

  private func spacesBeforeCall(_ left: LayoutItem, _ given: Int) -> Int {
    switch left.kind {
    // Words that stand between operands may also be functions.
    case .identifier("div")?, .identifier("mod")?, .identifier("over")?: given
    case .identifier?, .keyword(.var)?: given == 1 && left.kind == .keyword(.var) ? 1 : 0
    case .symbol(.rightParenthesis)?, .symbol(.rightBracket)?, .symbol(.rightBrace)?: given
    default: 1
    }
  }

  private func spacesBeforeSubscript(_ left: LayoutItem, _ given: Int) -> Int {
    switch left.kind {
    // `x[i]` is a subscript, `float [n]` a type, `3 x like` and `x [n]` a matter of the reader.
    case .identifier("i32")?, .identifier("bool")?, .identifier("float")?: 1
    case .identifier("div")?, .identifier("mod")?, .identifier("x")?: given
    case .identifier?, .string?, .symbol(.rightParenthesis)?, .symbol(.rightBracket)?: 0
    case .symbol(.greater)?: given
    default: 1
    }
  }
}
