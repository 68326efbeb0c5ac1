// SPDX-License-Identifier: Apache-2.0
//
// What the parser says about text that is not a spec, and that it goes on after an error.

import Diagnostics
import SpecLanguage
import Testing

@Suite("parser errors")
struct ParserErrorTests {
  private func errors(_ text: String) -> [String] {
    let diagnostics = DiagnosticCollector()
    _ = parse(SourceFile(name: "a.mix", text: text), diagnostics: diagnostics)
    return diagnostics.diagnostics.map { diagnostic in
      "\(diagnostic.span?.position.line ?? 0):\(diagnostic.span?.position.column ?? 0) "
        + diagnostic.text + (diagnostic.help.map { " (\($0))" } ?? "")
    }
  }

  @Test(
    "an error names what was expected and what was found",
    arguments: [
      ("dim n 10", "1:7 expected '=' and the dimension's default size, found '10'"),
      ("dim n = ", "1:9 expected an expression, found the end of the file"),
      (
        "parms theta { }",
        "1:1 expected a declaration (spec, dim, params, meta, func, inner, outer, ...), found 'parms' (did you mean params?)"
      ),
      ("params theta { w [1] }", "1:22 expected '{', found '}'"),
      ("params theta { w: 3 }", "1:19 expected '[' and the sizes of the axes, found '3'"),
      ("meta eta = theta", "1:17 expected '.', as in theta.initial, found the end of the file"),
      ("func f(x) { let = 3 }", "1:17 expected a name, found '='"),
      (
        "func f(x) { x + 1 }",
        "1:13 expected a statement (let, var, for, return, or name = value), found 'x'"
      ),
      ("let a = b < c < d", "1:15 expected 'and' between two comparisons, found '<'"),
      ("let a = if b then c", "1:20 expected 'else', found the end of the file"),
      ("inner() { let a = 1 }", "1:21 expected 'minimize' and the inner loss, found '}'"),
      (
        "inner() { minimize a for 3 }",
        "1:22 expected 'by' and an optimiser, as in 'by sgd(rate: 0.1)', found 'for'"
      ),
      ("outer { minimize a", "1:19 expected '}' at the end of outer, found the end of the file"),
      ("let a = x[]", ""),
    ])
  func wording(text: String, expected: String) {
    #expect(errors(text) == (expected.isEmpty ? [] : [expected]))
  }

  @Test("several errors are found in one run")
  func several() {
    let found = errors(
      """
      dim points 10
      params theta {
        w1: [1, hidden
        b1: [hidden]
        w2: 3
        w3: [4]
      }
      func f(x) {
        let a = = 3
        let b = x +
        let c = 4
        c = * 5
        return c
      }
      inner(x [3], y: [4]) { minimize 3 by sgd(0.1 for 3 }
      outer { minimize }
      """)
    #expect(
      found.map { $0.prefix { $0 != " " } } == [
        "1:12", "4:3", "5:7", "9:11", "11:3", "12:7", "15:9", "15:46", "16:18",
      ])
  }

  @Test("deep nesting is refused, not followed", arguments: ["(", "[", "-", "not ", "f(", "2 ** "])
  func nesting(opening: String) {
    let text = "let a = " + String(repeating: opening, count: 20_000) + "1"
    #expect(errors(text).contains { $0.contains("nested more than 200 deep") })
  }

  @Test("no prefix of a spec stops the parser", arguments: 0..<40)
  func prefixes(part: Int) {
    let text =
      String(decoding: Prelude.sources[2].bytes, as: UTF8.self)
      + "inner(stream x: [3]) { for (a, b) in (x, 3) { y = x[:, 1:] } minimize 1 by sgd(1) for 2 }"
    let length = text.utf8.count * part / 40
    _ = errors(String(decoding: Array(text.utf8).prefix(length), as: UTF8.self))
  }

  @Test("random tokens stop neither lexer nor parser", arguments: 0..<50)
  func randomTokens(seed: UInt64) {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    let words =
      Symbol.allCases.map(\.rawValue) + Keyword.allCases.map(\.rawValue)
      + ["spec", "dim", "params", "meta", "func", "inner", "outer", "x", "1", "2.5", "\"s\"", "\n"]
    let text = (0..<200).map { _ -> String in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return words[Int(state >> 33) % words.count]
    }.joined(separator: " ")
    _ = errors(text)
  }
}
