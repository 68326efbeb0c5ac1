// SPDX-License-Identifier: Apache-2.0
//
// The standard layout: blanks change, nothing else, and once is enough.

import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import SpecLanguage

@Suite("Formatting")
struct FormatSpecTests {
  private static func format(_ text: String) throws -> String {
    let diagnostics = DiagnosticCollector()
    let result = formatted(SourceFile(name: "test.mix", text: text), diagnostics: diagnostics)
    return try #require(result, "\(diagnostics.rendered())")
  }

  private static func kinds(_ text: String) -> [TokenKind] {
    tokenize(SourceFile(name: "test.mix", text: text), diagnostics: DiagnosticCollector())
      .map(\.kind)
  }

  private static func comments(_ text: String) -> [String] {
    text.split(separator: "\n").compactMap { line in
      line.firstRange(of: "//").map {
        line[$0.lowerBound...].trimmingCharacters(in: .whitespaces)
      }
    }
  }

  /// Formats, and holds the result against what must not change.
  @discardableResult
  private static func check(_ text: String) throws -> String {
    let once = try format(text)
    #expect(kinds(once) == kinds(text))
    #expect(comments(once) == comments(text))
    #expect(try format(once) == once)
    #expect(!once.contains("\t") && !once.contains("\r") && !once.contains("\n\n\n"))
    #expect(!once.split(separator: "\n").contains { $0.last?.isWhitespace == true })
    return once
  }

  @Test(
    "blanks are as they should be",
    arguments: [
      ("spec  a\ndim n=3,m  =  n*-2", "spec a\ndim n = 3, m = n * -2\n"),
      (
        "func f<n,d>(x:[n,d],k=1)->[n]{\nreturn sum(z [:,k :],axis:-1)**2\n}",
        "func f<n, d>(x: [n, d], k = 1) -> [n] {\n  return sum(z[:, k :], axis: -1) ** 2\n}\n"
      ),
      (
        "params  theta {\n      w:[3]~normal( 0,0.1 )     b: [ 3 ]\n}",
        "params theta {\n  w: [3] ~ normal(0, 0.1)     b: [3]\n}\n"
      ),
      ("\n\n\nseed 1   // one\n\n\n\nseed   2\n\n", "seed 1   // one\n\nseed 2\n"),
      ("seed 1// one", "seed 1  // one\n"),
      (
        "let a = if not(1<2)and 3>=-4 then{a:1}else (5,)",
        "let a = if not (1 < 2) and 3 >= -4 then {a: 1} else (5,)\n"
      ),
      (
        "inner(x: i32[3]) {\n// why\nlet y = x.for.w\n+ 1\nminimize f(\ny,\n1\n)\nby sgd(rate:1) for 2 }",
        """
        inner(x: i32 [3]) {
          // why
          let y = x.for.w
            + 1
          minimize f(
            y,
            1
          )
          by sgd(rate: 1) for 2 }

        """
      ),
    ])
  func layout(_ text: String, _ expected: String) throws {
    #expect(try Self.check(text) == expected)
  }

  @Test("a file of comments, and an empty one")
  func nothing() throws {
    #expect(try Self.format("") == "")
    #expect(try Self.format("  // a\n\n\n   // b") == "// a\n\n// b\n")
  }

  @Test("an error is reported, and nothing is made")
  func mistakes() {
    let diagnostics = DiagnosticCollector()
    #expect(
      formatted(SourceFile(name: "a.mix", text: "dim n = ("), diagnostics: diagnostics) == nil)
    #expect(diagnostics.hasErrors)
  }

  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// All specs of the repository.
  private static func specs(in folder: String) -> [URL] {
    let folder = root.appending(path: folder)
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasSuffix(".mix") }.sorted().map { folder.appending(path: $0) }
  }

  @Test("the examples and the prelude are in the standard layout")
  func examples() throws {
    let files = Self.specs(in: "Examples") + Self.specs(in: "Sources/SpecLanguage/Prelude")
    #expect(files.count > 30)
    for file in files {
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(try Self.check(text) == text, "\(file.lastPathComponent)")
    }
  }

  @Test("random specs, with their blanks taken away or multiplied, keep their tokens")
  func randomSpecs() throws {
    for seed in 0..<60 as Range<UInt64> {
      let text = RandomSpec(seed: seed).text
      let formatted = try Self.check(text)
      let wide = text.replacing("\n", with: " \n\t ").replacing(", ", with: " ,\n ")
      #expect(Self.kinds(try Self.check(wide)) == Self.kinds(formatted))
    }
  }

  @Test("the words of the TextMate grammar are the parser's")
  func textMate() throws {
    let file = Self.root.appending(path: "Editors/mixfuse.tmLanguage.json")
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
    let repository = try #require(json?["repository"] as? [String: [String: Any]])
    func words(_ rule: String) throws -> Set<String> {
      let pattern = try #require(repository[rule]?["match"] as? String)
      // Each is a valid regular expression, with the words between its first parentheses.
      _ = try NSRegularExpression(pattern: pattern)
      let match = try #require(pattern.firstMatch(of: /\\b\(([a-z_|0-9]+)\)/))
      return Set(match.1.split(separator: "|").map(String.init))
    }
    #expect(try words("keyword") == Set(Keyword.allCases.map(\.rawValue)))
    // Every word that begins a declaration makes the parser ask for what follows it.
    for word in try words("declaration") {
      let diagnostics = DiagnosticCollector()
      _ = parse(SourceFile(name: "a.mix", text: word), diagnostics: diagnostics)
      let text = diagnostics.rendered()
      #expect(!text.contains("expected a declaration"), "\(word): \(text)")
    }
    for word in ["spec", "dim", "params", "meta", "func", "inner", "outer", "optimizer"] {
      #expect(try words("declaration").contains(word))
    }
  }
}
