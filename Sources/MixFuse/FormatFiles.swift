// SPDX-License-Identifier: Apache-2.0
//
// Formatting spec files in place: all that can be formatted, or none.

import Diagnostics
package import MixFuseShared
import SpecLanguage

/// A spec file, and what it is like in the standard layout.
package struct FormattedSpec: Sendable {
  package let path: String
  /// The text in the standard layout.
  package let text: String
  /// Whether that is another text than the file's.
  package let isChanged: Bool
}

/// Reads spec files and lays them out. Imports are not followed.
///
/// - Throws: `CompilationFailure` with all that is wrong with any of them.
package func formattedSpecs(_ paths: [String]) throws -> [FormattedSpec] {
  let diagnostics = DiagnosticCollector()
  let specs = try paths.map { path -> FormattedSpec? in
    try onLargeStack {
      guard let file = readSpec(at: path, diagnostics: diagnostics),
        let text = formatted(file, diagnostics: diagnostics)
      else { return nil }
      return FormattedSpec(path: path, text: text, isChanged: Array(text.utf8) != file.bytes)
    }
  }
  guard !diagnostics.hasErrors else { throw CompilationFailure(diagnostics: diagnostics) }
  return specs.compactMap(\.self)
}

/// Writes the texts of those that are changed, all or none.
///
/// - Throws: `FileFailure`.
package func write(_ specs: [FormattedSpec]) throws(FileFailure) {
  try AtomicFile.write(
    specs.filter(\.isChanged).map {
      AtomicFile.Content(path: $0.path, bytes: Array($0.text.utf8))
    })
}
