// SPDX-License-Identifier: Apache-2.0
//
// The C helpers that generated libraries are made with: the table that embeds them lists exactly
// the files, each begins with its symbols and what they require, each helper compiles with nothing
// but that (and what every generated source begins with), without a warning, and none is written
// twice.

import CEmission
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

  @Test("each file names its helpers and what they require", arguments: helpers.keys.sorted())
  func header(of file: String) throws {
    let text = try #require(Self.helpers[file])
    let lines = text.split(separator: "\n", maxSplits: 2)
    #expect(["// \(file)", "// \(file)_f32, \(file)_f64"].contains(lines.first ?? ""))
    let requires = try #require(lines.dropFirst().first)
    #expect(requires.hasPrefix("// requires:"))
    for required in requires.dropFirst("// requires:".count).split(separator: " ") {
      #expect(RuntimeHelpers.symbols.contains(String(required)), "\(file) requires \(required)")
    }
  }

  @Test(
    "each helper compiles with what it requires and nothing else",
    arguments: RuntimeHelpers.symbols)
  func compiles(_ symbol: String) throws {
    let source = RuntimeHelpers.closure(of: [symbol]).map(RuntimeHelpers.text(of:))
      .joined(separator: "\n")
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

  @Test("what is the same for both float types is written once")
  func twins() {
    let pairs = Self.helpers.keys.filter { $0.hasSuffix("_f32") }.map { $0.dropLast(4) }
      .filter { Self.helpers["\($0)_f64"] != nil }
    #expect(!pairs.isEmpty)
    for name in pairs {
      let texts = ["f32", "f64"].map { Self.withoutTypes(Self.helpers["\(name)_\($0)"] ?? "") }
      #expect(texts[0] != texts[1], "\(name)")
    }
    // Without a pair to be found the test above would say nothing.
    #expect(
      Self.withoutTypes("float mf_a_f32 = 1.5f * 0x1p-2f + __builtin_fabsf(x);")
        == Self.withoutTypes("double mf_a_f64 = 1.5 * 0x1p-2 + __builtin_fabs(x);"))
  }

  @Test("a helper written for f32 has nothing of f32 left for f64")
  func expansions() {
    let both = Self.helpers.filter { $0.value.hasPrefix("// \($0.key)_f32, ") }.map(\.key)
    #expect(both.count >= 20)
    for name in both {
      let text = RuntimeHelpers.text(of: "\(name)_f64")
      #expect(text.hasPrefix("// \(name)_f64\n"))
      for rest in [
        #/\bfloat\b/#, #/f32/#, #/\d\.\d*f\b/#, #/p[-+]?\d+f\b/#, #/__builtin_(?!inf\()\w+f\(/#,
      ] {
        let found = text.firstMatch(of: rest).map { String($0.output) }
        #expect(found == nil, "\(name): \(found ?? "")")
      }
      #expect(
        Self.withoutTypes(text) == Self.withoutTypes(RuntimeHelpers.text(of: "\(name)_f32")))
    }
  }

  /// A helper's text without what tells the float types apart.
  private static func withoutTypes(_ text: String) -> String {
    text.replacing(#/f32|f64/#, with: "real").replacing(#/\b(float|double)\b/#, with: "real")
      .replacing(#/(__builtin_\w+?)f*\(/#) { "\($0.output.1)(" }
      .replacing(#/\b(\d+\.\d*|0x[0-9a-f.]+p[-+]?\d+)f?\b/#) { "\($0.output.1)" }
  }
}
