// SPDX-License-Identifier: Apache-2.0
//
// What a collector keeps, in which order it shows it, and the exit code it stands for.

import Diagnostics
import Testing

/// A message that is told apart by a number.
private struct Numbered: DiagnosticMessage {
  let number: Int
  var severity = Severity.error
  var category = DiagnosticCategory.userError
  var id: String { "test" }
  var text: String { "message \(number)" }
}

@Suite("diagnostic collector")
struct DiagnosticCollectorTests {
  private let file = SourceFile(name: "a.mix", text: "one\ntwo\nthree\n")

  @Test("twenty errors are kept and the rest are counted")
  func limit() {
    let collector = DiagnosticCollector()
    for number in 1...25 { collector.report(Numbered(number: number), at: nil) }
    #expect(collector.diagnostics.count == 20)
    #expect(collector.rendered().hasSuffix("note: 5 more errors are not shown\n"))
  }

  @Test("the same message at the same place is kept once")
  func repetition() {
    let collector = DiagnosticCollector()
    let place = Span(file: file, start: 0, end: 3)
    collector.report(Numbered(number: 1), at: place)
    collector.report(Numbered(number: 1), at: place)
    collector.report(Numbered(number: 1), at: Span(file: file, start: 4, end: 7))
    #expect(collector.diagnostics.count == 2)
  }

  @Test("a file that was read twice has no message twice")
  func repetitionOfContent() {
    let collector = DiagnosticCollector()
    for name in ["a.mix", "a.mix", "b.mix"] {
      let file = SourceFile(name: name, text: "one\ntwo\nthree\n")
      collector.report(Numbered(number: 1), at: Span(file: file, start: 0, end: 3))
      collector.report(Numbered(number: 2), at: Span(file: file, start: 0, end: 3))
    }
    #expect(
      collector.diagnostics.map { $0.span?.file.name } == ["a.mix", "a.mix", "b.mix", "b.mix"])
  }

  @Test("what other collectors kept is taken over, and what they did not keep is counted")
  func others() {
    let collector = DiagnosticCollector()
    for first in [1, 16] {
      let other = DiagnosticCollector()
      for number in first...first + 21 { other.report(Numbered(number: number), at: nil) }
      collector.report(other.diagnostics, suppressedErrors: other.suppressedErrors)
    }
    // Two of each were beyond the limit already; 16 to 20 are known, 21 to 35 are beyond it now.
    #expect(collector.diagnostics.count == 20)
    #expect(collector.suppressedErrors == 4 + 15)
  }

  @Test("diagnostics are shown in the order of their places")
  func order() throws {
    let collector = DiagnosticCollector()
    collector.report(Numbered(number: 3), at: Span(file: file, start: 8, end: 9))
    collector.report(Numbered(number: 1), at: Span(file: file, start: 0, end: 1))
    collector.report(Numbered(number: 0), at: nil)
    let numbers = collector.rendered().split(separator: "\n").compactMap { line in
      line.contains("error") ? line.split(separator: " ").dropLast().last : nil
    }
    #expect(numbers == ["0", "1", "3"])
  }

  @Test("the exit code is that of the gravest error, and warnings do not count")
  func exitCode() {
    let collector = DiagnosticCollector()
    collector.report(Numbered(number: 0, severity: .warning, category: .compilerBug), at: nil)
    #expect(collector.exitCode == 0)
    #expect(!collector.hasErrors)
    collector.report(Numbered(number: 1), at: nil)
    #expect(collector.exitCode == 1)
    collector.report(Numbered(number: 2, category: .limitation), at: nil)
    #expect(collector.exitCode == 2)
  }
}
