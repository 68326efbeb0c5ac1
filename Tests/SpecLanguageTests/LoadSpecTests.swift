// SPDX-License-Identifier: Apache-2.0
//
// Reading specs from files, with imports.

import Diagnostics
import Foundation
import SpecLanguage
import Testing

@Suite("loading")
struct LoadSpecTests {
  /// Writes files into a fresh folder and gives the folder's path to `body`.
  private func withFiles(_ files: [String: String], _ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("mixfuse-load-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in files {
      let file = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    try body(folder.path)
  }

  @Test("imports are relative to the importing file, and each file is read once")
  func imports() throws {
    let files = [
      "main.mix": "import \"parts/a.mix\"\nimport \"parts/b.mix\"\nspec main",
      "parts/a.mix": "import \"b.mix\"\ndim a = 1",
      "parts/b.mix": "import \"../main.mix\"\ndim b = 2",
    ]
    try withFiles(files) { folder in
      let diagnostics = DiagnosticCollector()
      let file = try #require(loadSpec(at: folder + "/main.mix", diagnostics: diagnostics))
      #expect(diagnostics.rendered() == "")
      #expect(file.printed() == "dim b = 2\ndim a = 1\nspec main\n")
    }
  }

  @Test("a missing import is reported where it is written")
  func missingImport() throws {
    try withFiles(["main.mix": "spec main\nimport \"layrs.mix\"\n"]) { folder in
      let diagnostics = DiagnosticCollector()
      _ = loadSpec(at: folder + "/main.mix", diagnostics: diagnostics)
      let error = try #require(diagnostics.diagnostics.first)
      #expect(error.id == "syntax.import")
      #expect(error.text == "cannot read \(folder)/layrs.mix: there is no such file")
      #expect(error.span?.position == LineAndColumn(line: 2, column: 1))
    }
  }

  @Test("a missing file, a folder and a file that is not text are errors")
  func unreadable() throws {
    try withFiles(["a/b.mix": "spec b"]) { folder in
      try Data([0xFF, 0xFE, 0x00]).write(to: URL(fileURLWithPath: folder + "/c.mix"))
      for path in ["/missing.mix", "/a", "/c.mix"] {
        let diagnostics = DiagnosticCollector()
        let file = loadSpec(at: folder + path, diagnostics: diagnostics)
        #expect(file?.declarations.count == nil)
        #expect(diagnostics.diagnostics.map(\.id) == ["syntax.import"])
        #expect(diagnostics.exitCode == 1)
      }
    }
  }
}
