// SPDX-License-Identifier: Apache-2.0
//
// A spec looked at without building it: syntax, names, shapes and derivatives. What `mixfuse check`
// prints, as text or as JSON for editors.

import Diagnostics
import Differentiation
import MixFuseShared

/// What is wrong with a spec.
package struct SpecReport: Sendable {
  /// The messages as text, as every command prints them; empty if there are none.
  package let text: String
  /// The messages as JSON.
  package let json: String
  /// What the process returns.
  package let exitCode: Int32
}

extension Compilation {
  /// Looks for everything that can be wrong with a spec before machine code is made of it.
  ///
  /// - Cost: 10 to 100 ms; no program is started.
  package func check() throws -> SpecReport {
    do {
      let problem = try problem()
      for entry in EntryPoint.allCases { _ = try derived(entry, of: problem) }
    } catch is CompilationFailure {
      // It is in the collector.
    }
    return SpecReport(
      text: warningText, json: try diagnostics.json(), exitCode: diagnostics.exitCode)
  }
}

extension DiagnosticCollector {
  /// All diagnostics as JSON.
  fileprivate func json() throws -> String {
    try encodeJSON(
      DiagnosticList(
        diagnostics: diagnostics.map(DiagnosticRecord.init), suppressed_errors: suppressedErrors),
      isPretty: true)
  }
}

// The names are those of the JSON text.
// swift-format-ignore: AlwaysUseLowerCamelCase
private struct DiagnosticList: Encodable {
  var diagnostics: [DiagnosticRecord]
  var suppressed_errors: Int
}

// swift-format-ignore: AlwaysUseLowerCamelCase
private struct PlaceRecord: Encodable {
  var file: String
  var line: Int
  var column: Int
  var end_line: Int
  var end_column: Int

  init(_ span: Span) {
    let end = span.file.position(at: span.end)
    file = span.file.name
    (line, column) = (span.position.line, span.position.column)
    (end_line, end_column) = (end.line, end.column)
  }
}

private struct RemarkRecord: Encodable {
  var message: String
  var place: PlaceRecord?
}

private struct DiagnosticRecord: Encodable {
  var severity: String
  var id: String
  var message: String
  var place: PlaceRecord?
  var operands: [RemarkRecord]
  var notes: [RemarkRecord]
  var help: String?

  init(_ diagnostic: Diagnostic) {
    severity = diagnostic.severity.rawValue
    id = diagnostic.id
    message = diagnostic.text
    place = diagnostic.span.map(PlaceRecord.init)
    operands = diagnostic.operands.map {
      RemarkRecord(message: $0.text, place: PlaceRecord($0.span))
    }
    notes = diagnostic.notes.map {
      RemarkRecord(message: $0.text, place: $0.span.map(PlaceRecord.init))
    }
    help = diagnostic.help
  }
}
