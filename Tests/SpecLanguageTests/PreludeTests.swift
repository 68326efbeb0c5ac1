// SPDX-License-Identifier: Apache-2.0
//
// The prelude's own text.

import Diagnostics
import Foundation
import SpecLanguage
import Testing

@Suite("prelude")
struct PreludeTests {
  @Test("the prelude parses without a diagnostic")
  func parses() {
    let diagnostics = DiagnosticCollector()
    let declarations = Prelude.declarations(diagnostics: diagnostics)
    #expect(diagnostics.rendered() == "")
    #expect(declarations.count > 10)
  }

  @Test("everything in the prelude is described in Examples/LANGUAGE.md")
  func described() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(
      contentsOf: root.appending(path: "Examples/LANGUAGE.md"), encoding: .utf8)
    for declaration in Prelude.declarations(diagnostics: DiagnosticCollector()) {
      switch declaration {
      case .function(let function):
        #expect(text.contains("`\(function.name.text)("), "\(function.name.text)")
      case .optimizer(let optimizer):
        #expect(text.contains(" \(optimizer.name.text)(rate"), "\(optimizer.name.text)")
      default: Issue.record("the prelude declares something else")
      }
    }
  }
}
