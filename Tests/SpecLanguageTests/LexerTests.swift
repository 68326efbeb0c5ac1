// SPDX-License-Identifier: Apache-2.0
//
// Text to tokens.

import Diagnostics
import SpecLanguage
import Testing

@Suite("lexer")
struct LexerTests {
  private func kinds(_ text: String) -> [TokenKind] {
    let diagnostics = DiagnosticCollector()
    let tokens = tokenize(SourceFile(name: "a.mix", text: text), diagnostics: diagnostics)
    #expect(!diagnostics.hasErrors)
    return tokens.map(\.kind)
  }

  @Test("numbers: whole, with a point, with an exponent")
  func numbers() {
    #expect(
      kinds("12 1.5 1e-3 2E+4 7.25e2") == [
        .integer(12), .real("1.5"), .real("1e-3"), .real("2E+4"), .real("7.25e2"), .endOfFile,
      ])
  }

  @Test("a point after a number without a digit behind it is a symbol of its own")
  func point() {
    #expect(
      kinds("1.x 3e") == [
        .integer(1), .symbol(.dot), .identifier("x"), .integer(3), .identifier("e"), .endOfFile,
      ])
  }

  @Test("the longest symbol wins")
  func longest() {
    #expect(
      kinds("** * ... . -> - <= <") == [
        .symbol(.doubleStar), .symbol(.star), .symbol(.ellipsis), .symbol(.dot), .symbol(.arrow),
        .symbol(.minus), .symbol(.lessOrEqual), .symbol(.less), .endOfFile,
      ])
  }

  @Test("comments end with their line, and words of the grammar may be names")
  func comments() {
    #expect(
      kinds("a // b c\nbatch let") == [
        .identifier("a"), .identifier("batch"), .keyword(.let), .endOfFile,
      ])
  }

  @Test("every token knows its place and whether it starts a line")
  func places() {
    let tokens = tokenize(
      SourceFile(name: "a.mix", text: "a b\n  c"), diagnostics: DiagnosticCollector())
    #expect(tokens.map(\.startsLine).prefix(3) == [true, false, true])
    #expect(describeTokens(tokens) == "1:1\t'a'\n1:3\t'b'\n2:3\t'c'\n2:4\tthe end of the file\n")
  }

  @Test("a stray character, an endless string and a huge number are one error each")
  func errors() {
    let diagnostics = DiagnosticCollector()
    let text = "a $ b \u{E9} \"text\n 99999999999999999999 1e999"
    let tokens = tokenize(SourceFile(name: "a.mix", text: text), diagnostics: diagnostics)
    #expect(
      diagnostics.diagnostics.map(\.id) == [
        "syntax.character", "syntax.character", "syntax.string", "syntax.number", "syntax.number",
      ])
    #expect(tokens.last?.kind == .endOfFile)
  }
}
