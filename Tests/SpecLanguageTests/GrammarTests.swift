// SPDX-License-Identifier: Apache-2.0
//
// The page of grammar: its examples parse, and no word or sign of the language is missing there.

import Diagnostics
import Foundation
import Testing

@testable import SpecLanguage

@Suite("Examples/GRAMMAR.md")
struct GrammarTests {
  private static let page: String = {
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let data = try? Data(contentsOf: root.appending(path: "Examples/GRAMMAR.md"))
    return String(decoding: data ?? Data(), as: UTF8.self)
  }()

  /// The texts between "```mix" and "```".
  private static let examples = page.components(separatedBy: "```mix\n").dropFirst().map {
    $0.components(separatedBy: "```")[0]
  }

  /// The lines of rules, which are indented.
  private static let rules = page.components(separatedBy: "\n").filter { $0.hasPrefix("    ") }

  @Test("its examples parse, and survive being printed")
  func examples() {
    #expect(Self.examples.count == 3)
    for text in Self.examples {
      let diagnostics = DiagnosticCollector()
      let file = parse(SourceFile(name: "GRAMMAR.md", text: text), diagnostics: diagnostics)
      #expect(diagnostics.rendered() == "")
      let again = parse(
        SourceFile(name: "printed", text: file.printed()), diagnostics: diagnostics)
      #expect(again.syntaxDescription == file.syntaxDescription)
    }
  }

  @Test("its examples use every word and every sign of the language")
  func examplesAreComplete() {
    let tokens = Self.examples.flatMap {
      tokenize(
        SourceFile(name: "GRAMMAR.md", text: $0), diagnostics: DiagnosticCollector())
    }
    let kinds = Set(tokens.map(\.kind))
    for keyword in Keyword.allCases { #expect(kinds.contains(.keyword(keyword)), "\(keyword)") }
    for symbol in Symbol.allCases { #expect(kinds.contains(.symbol(symbol)), "\(symbol)") }
    let words = ["state", "update", "stream", "shared", "like", "each", "x", "reversed", "initial"]
    for word in Parser.declarationWords + words + ["div", "mod"] {
      #expect(kinds.contains(.identifier(word)), "\(word)")
    }
  }

  @Test("its rules have every word, and define every name that they use")
  func rulesAreComplete() {
    let text = Self.rules.joined(separator: "\n")
    let operators: Set<Keyword> = [.and, .or]
    for keyword in Keyword.allCases where !operators.contains(keyword) {
      #expect(text.contains("\"\(keyword.rawValue)\""), "\(keyword)")
    }
    for word in Parser.declarationWords { #expect(text.contains("\"\(word)\""), "\(word)") }
    for op in BinaryOperator.allCases {
      #expect(text.components(separatedBy: .whitespacesAndNewlines).contains(op.rawValue))
    }
    let defined = Set(
      Self.rules.compactMap { line -> String? in
        let parts = line.split(separator: " ", omittingEmptySubsequences: true)
        return parts.count > 2 && parts[1] == "=" ? String(parts[0]) : nil
      })
    let expected: Set = [
      "file", "declaration", "size", "tree", "member", "leaf", "initialiser", "data", "parameters",
      "type", "tensor", "path", "block", "statement", "binding", "pattern", "targets", "target",
      "sequence", "item", "expression", "function", "binary", "unary", "postfix", "primary",
      "arguments", "subscript", "name", "number", "string",
    ]
    #expect(defined == expected)
  }
}
