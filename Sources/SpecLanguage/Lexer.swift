// SPDX-License-Identifier: Apache-2.0
//
// Text to tokens. Line breaks carry no meaning (they are only remembered for error recovery), and
// `//` starts a comment that ends with its line. A character that belongs to no token is reported
// and skipped, so one stray character costs one message.

package import Diagnostics

/// Splits a file into tokens; the last one is always `.endOfFile`.
///
/// - Errors: `syntax.character`, `syntax.number`, `syntax.string`.
package func tokenize(_ file: SourceFile, diagnostics: DiagnosticCollector) -> [Token] {
  var lexer = Lexer(file: file, diagnostics: diagnostics)
  return lexer.allTokens()
}

private struct Lexer {
  let file: SourceFile
  let diagnostics: DiagnosticCollector
  var offset = 0
  var atLineStart = true

  init(file: SourceFile, diagnostics: DiagnosticCollector) {
    self.file = file
    self.diagnostics = diagnostics
  }

  mutating func allTokens() -> [Token] {
    var tokens: [Token] = []
    while true {
      skipBlanksAndComments()
      let start = offset
      let startsLine = atLineStart
      guard let kind = nextKind() else { continue }
      tokens.append(Token(kind: kind, span: span(from: start), startsLine: startsLine))
      atLineStart = false
      if kind == .endOfFile { return tokens }
    }
  }

  private func byte(at distance: Int = 0) -> UInt8? {
    offset + distance < file.bytes.count ? file.bytes[offset + distance] : nil
  }

  private func span(from start: Int) -> Span { Span(file: file, start: start, end: offset) }

  private mutating func skipBlanksAndComments() {
    while let current = byte() {
      if current == UInt8(ascii: "\n") {
        atLineStart = true
        offset += 1
      } else if current.isBlank {
        offset += 1
      } else if current == UInt8(ascii: "/"), byte(at: 1) == UInt8(ascii: "/") {
        while let next = byte(), next != UInt8(ascii: "\n") { offset += 1 }
      } else {
        return
      }
    }
  }

  /// The next token, or nil after a character that was reported and skipped.
  private mutating func nextKind() -> TokenKind? {
    guard let first = byte() else { return .endOfFile }
    if first.isLetter { return word() }
    if first.isDigit { return number() }
    if first == UInt8(ascii: "\"") { return string() }
    return symbol()
  }

  private mutating func word() -> TokenKind {
    let start = offset
    while let current = byte(), current.isLetter || current.isDigit { offset += 1 }
    let text = span(from: start).text
    return Keyword(rawValue: text).map { .keyword($0) } ?? .identifier(text)
  }

  private mutating func skipDigits() {
    while let current = byte(), current.isDigit { offset += 1 }
  }

  private mutating func number() -> TokenKind {
    let start = offset
    var isReal = false
    skipDigits()
    if byte() == UInt8(ascii: "."), byte(at: 1)?.isDigit == true {
      isReal = true
      offset += 1
      skipDigits()
    }
    if byte() == UInt8(ascii: "e") || byte() == UInt8(ascii: "E") {
      let signed = byte(at: 1) == UInt8(ascii: "-") || byte(at: 1) == UInt8(ascii: "+")
      if byte(at: signed ? 2 : 1)?.isDigit == true {
        isReal = true
        offset += signed ? 2 : 1
        skipDigits()
      }
    }
    let text = span(from: start).text
    if isReal {
      if Double(text)?.isFinite != true {
        diagnostics.report(SyntaxMessage.number(text), at: span(from: start))
      }
      return .real(text)
    }
    guard let value = Int(text) else {
      diagnostics.report(SyntaxMessage.number(text), at: span(from: start))
      return .integer(0)
    }
    return .integer(value)
  }

  private mutating func string() -> TokenKind {
    let start = offset
    offset += 1
    while let current = byte(), current != UInt8(ascii: "\""), current != UInt8(ascii: "\n") {
      offset += 1
    }
    let text = String(decoding: file.bytes[start + 1..<offset], as: UTF8.self)
    if byte() == UInt8(ascii: "\"") {
      offset += 1
    } else {
      diagnostics.report(SyntaxMessage.string, at: span(from: start))
    }
    return .string(text)
  }

  /// Longest spelling first: `**` before `*`, `...` before `.`.
  private mutating func symbol() -> TokenKind? {
    for length in [3, 2, 1] where offset + length <= file.bytes.count {
      let text = String(decoding: file.bytes[offset..<offset + length], as: UTF8.self)
      if let symbol = Symbol(rawValue: text) {
        offset += length
        return .symbol(symbol)
      }
    }
    let start = offset
    offset += 1
    // The continuation bytes of a character outside ASCII belong to the same mistake.
    while let current = byte(), current & 0xC0 == 0x80 { offset += 1 }
    diagnostics.report(SyntaxMessage.character(span(from: start).text), at: span(from: start))
    return nil
  }
}

extension UInt8 {
  fileprivate var isBlank: Bool {
    self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") || self == UInt8(ascii: "\r")
  }

  fileprivate var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

  fileprivate var isLetter: Bool {
    (self | 0x20) >= UInt8(ascii: "a") && (self | 0x20) <= UInt8(ascii: "z")
      || self == UInt8(ascii: "_")
  }
}
