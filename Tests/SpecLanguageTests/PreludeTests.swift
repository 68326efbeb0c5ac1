// SPDX-License-Identifier: Apache-2.0
//
// The prelude's own text.

import Diagnostics
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
}
