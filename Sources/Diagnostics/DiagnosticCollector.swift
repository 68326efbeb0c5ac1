// SPDX-License-Identifier: Apache-2.0
//
// Where stages put their diagnostics. A collector is passed in; nothing below the executable prints
// or exits. It drops repetitions (a function body is elaborated once per call, and its errors should
// be shown once) and keeps at most 20 errors, counting the rest.

/// Gathers the diagnostics of one run.
package final class DiagnosticCollector {
  /// The number of errors kept; further ones are only counted.
  package static let errorLimit = 20

  /// The diagnostics in the order they were found.
  package private(set) var diagnostics: [Diagnostic] = []
  /// The number of errors beyond the limit.
  package private(set) var suppressedErrors = 0
  private var seen: Set<Key> = []
  private var keptErrors = 0

  /// What makes two diagnostics the same for the reader: what they say and where, whether or not the
  /// file was read twice.
  private struct Key: Hashable {
    let id: String
    let text: String
    let file: String?
    let start: Int?
    let end: Int?

    init(_ diagnostic: Diagnostic) {
      id = diagnostic.id
      text = diagnostic.text
      file = diagnostic.span?.file.name
      start = diagnostic.span?.start
      end = diagnostic.span?.end
    }
  }

  /// Makes an empty collector.
  package init() {}

  /// True once an error was reported.
  package var hasErrors: Bool { keptErrors > 0 }

  /// The exit code of a command that ends with these diagnostics: 0 without errors, otherwise that
  /// of the gravest category.
  package var exitCode: Int32 {
    diagnostics.filter { $0.severity == .error }.map(\.category.exitCode).max() ?? 0
  }

  /// Adds a diagnostic, unless the same one was already added.
  package func report(_ diagnostic: Diagnostic) {
    guard seen.insert(Key(diagnostic)).inserted else { return }
    if diagnostic.severity == .error {
      guard keptErrors < Self.errorLimit else {
        suppressedErrors += 1
        return
      }
      keptErrors += 1
    }
    diagnostics.append(diagnostic)
  }

  /// Adds a diagnostic made from a message and the places it concerns.
  package func report(
    _ message: any DiagnosticMessage, at span: Span?, operands: [OperandLabel] = [],
    notes: [DiagnosticNote] = [], help: String? = nil
  ) {
    report(Diagnostic(message, at: span, operands: operands, notes: notes, help: help))
  }

  /// Adds what another collector kept, and its count of errors beyond the limit.
  package func report(_ diagnostics: [Diagnostic], suppressedErrors: Int) {
    for diagnostic in diagnostics { report(diagnostic) }
    self.suppressedErrors += suppressedErrors
  }

  /// All diagnostics as text in the order of their places, ready to be printed, with a last line
  /// for those not shown. Those without a place come first; files keep the order of their first
  /// diagnostic.
  package func rendered() -> String {
    var fileOrder: [String: Int] = [:]
    for diagnostic in diagnostics {
      guard let name = diagnostic.span?.file.name else { continue }
      fileOrder[name] = fileOrder[name] ?? fileOrder.count
    }
    let keyed = diagnostics.enumerated().map { index, diagnostic in
      let file = diagnostic.span.flatMap { fileOrder[$0.file.name] } ?? -1
      return (key: (file, diagnostic.span?.start ?? 0, index), diagnostic: diagnostic)
    }
    let sorted = keyed.sorted { $0.key < $1.key }.map(\.diagnostic)
    var text = sorted.map { $0.rendered() }.joined(separator: "\n")
    if suppressedErrors > 0 {
      text += "\nnote: \(suppressedErrors) more errors are not shown\n"
    }
    return text
  }
}
