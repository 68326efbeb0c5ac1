// SPDX-License-Identifier: Apache-2.0
//
// The C helpers that generated libraries are made with: the table that embeds them lists exactly
// the files, each begins with its symbol and what it requires, and each compiles with nothing but
// that (and what every generated source begins with), without a warning.

import CTemplates
import Foundation
import Testing

@Suite("C helpers")
struct TemplateTests {
  /// The text of every helper in the folder, by the name of its file.
  static let helpers: [String: String] = {
    let folder = Repository.file("Templates/runtime")
    let files = (try? Repository.files(under: folder, extension: "h")) ?? []
    return Dictionary(
      files.map { file in
        (
          file.deletingPathExtension().lastPathComponent,
          (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        )
      }
    ) { first, _ in first }
  }()

  @Test("the embedded table lists exactly the files, with their text")
  func table() throws {
    let count = Int(mixfuse_template_count())
    let table = try (0..<count).map { index in
      let symbol = try #require(mixfuse_template_symbol(Int32(index)))
      let text = try #require(mixfuse_template_text(Int32(index)))
      return (String(cString: symbol), String(cString: text))
    }
    #expect(!table.isEmpty)
    let embedded = Dictionary(table) { first, _ in first }
    #expect(embedded.count == count, "a symbol is listed twice")
    #expect(
      Set(embedded.keys) == Set(Self.helpers.keys),
      "run Templates/update_table.sh after adding or removing a helper")
    for (symbol, text) in embedded {
      let isSame = text == Self.helpers[symbol]
      #expect(isSame, "\(symbol)")
    }
  }

  @Test("each helper names itself and what it requires", arguments: helpers.keys.sorted())
  func header(of symbol: String) throws {
    let text = try #require(Self.helpers[symbol])
    let lines = text.split(separator: "\n", maxSplits: 2)
    #expect(lines.first == "// \(symbol)")
    #expect(lines.dropFirst().first?.hasPrefix("// requires:") == true)
    for required in Self.required(by: symbol) {
      #expect(Self.helpers[required] != nil, "\(symbol) requires \(required)")
    }
  }

  @Test(
    "each helper compiles with what it requires and nothing else", arguments: helpers.keys.sorted())
  func compiles(_ symbol: String) throws {
    var order: [String] = []
    Self.collect("mf_library", into: &order)
    Self.collect(symbol, into: &order)
    let source = order.compactMap { Self.helpers[$0] }.joined(separator: "\n")
    try Repository.withTemporaryFolder { folder in
      let file = folder.appending(path: "\(symbol).c")
      try source.write(to: file, atomically: true, encoding: .utf8)
      let result = try Repository.run(
        "clang-19",
        [
          "-std=gnu11", "-O1", "-march=x86-64-v4", "-Wall", "-Wextra", "-Werror",
          // A helper alone has no caller.
          "-Wno-unused-function", "-fsyntax-only", file.path,
        ])
      #expect(result.status == 0, "\(result.output)")
    }
  }

  private static func required(by symbol: String) -> [String] {
    let lines = (helpers[symbol] ?? "").split(separator: "\n", maxSplits: 2)
    let list = lines.dropFirst().first?.split(separator: ":").dropFirst().first ?? ""
    return list.split(separator: " ").map(String.init)
  }

  /// Appends a helper after everything that it requires.
  private static func collect(_ symbol: String, into order: inout [String]) {
    guard !order.contains(symbol) else { return }
    for required in required(by: symbol) { collect(required, into: &order) }
    order.append(symbol)
  }
}
