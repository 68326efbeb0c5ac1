// SPDX-License-Identifier: Apache-2.0
//
// How diagnostics look. The first test is the house style's golden text.

import Diagnostics
import Testing

/// A message with given words.
private struct Message: DiagnosticMessage {
  var id = "shape.inner"
  var text = "matmul needs equal inner sizes, got 784 and 10"
  var severity = Severity.error
  var category = DiagnosticCategory.userError
}

@Suite("rendering")
struct RenderingTests {
  /// The file of the house style's example, with its error in line 14.
  private let file = SourceFile(
    name: "maml.mix",
    text: String(repeating: "\n", count: 5) + "      w2: [10, 64]\n"
      + String(repeating: "\n", count: 7) + "  h = matmul(x, w2)\n")

  private func span(_ text: String, line: Int) -> Span {
    let lines = (1..<line).map { file.text(ofLine: $0).utf8.count + 1 }.reduce(0, +)
    let source = file.text(ofLine: line)
    guard let range = source.firstRange(of: text) else {
      Issue.record("\(text) is not in line \(line)")
      return Span(file: file, start: 0, end: 0)
    }
    let start = lines + source[..<range.lowerBound].utf8.count
    return Span(file: file, start: start, end: start + text.utf8.count)
  }

  @Test("the house style's example is rendered to the letter")
  func golden() {
    let diagnostic = Diagnostic(
      Message(), at: span("matmul", line: 14),
      operands: [
        OperandLabel("x: [n, 784]", at: span("x", line: 14)),
        OperandLabel("w2: [10, 64]", at: span("w2", line: 14)),
      ],
      notes: [DiagnosticNote("w2 is declared here", at: span("w2", line: 6))],
      help: "w1 has shape [784, 64]; did you mean matmul(x, w1)?")
    #expect(
      diagnostic.rendered() == """
        maml.mix:14:7: error: matmul needs equal inner sizes, got 784 and 10 [shape.inner]
        14 |   h = matmul(x, w2)
           |       ^~~~~~ -  --
           |              |  `- w2: [10, 64]
           |              `- x: [n, 784]
        note: maml.mix:6:7: w2 is declared here
        help: w1 has shape [784, 64]; did you mean matmul(x, w1)?

        """)
  }

  @Test("a label on another line becomes a note")
  func otherLine() {
    let diagnostic = Diagnostic(
      Message(), at: span("matmul", line: 14),
      operands: [OperandLabel("w2: [10, 64]", at: span("w2", line: 6))])
    #expect(diagnostic.rendered().contains("note: maml.mix:6:7: w2: [10, 64]\n"))
  }

  @Test("a span over several lines is underlined to the end of its first line")
  func severalLines() {
    let text = SourceFile(name: "a.mix", text: "let a = f(\n  x)\n")
    let diagnostic = Diagnostic(Message(), at: Span(file: text, start: 8, end: 14))
    #expect(diagnostic.rendered().contains("1 | let a = f(\n  |         ^~\n"))
  }

  @Test("columns count characters, not bytes")
  func characters() {
    let text = SourceFile(name: "a.mix", text: "// \u{E9}\u{1F469}\u{200D}\u{1F52C}x")
    let start = text.bytes.count - 1
    #expect(Span(file: text, start: start, end: start + 1).description == "a.mix:1:6")
  }

  @Test("a message without a place has no excerpt")
  func noPlace() {
    let message = Message(id: "dimension.unknown", text: "the spec has no dimension called n")
    #expect(
      Diagnostic(message, at: nil).rendered()
        == "error: the spec has no dimension called n [dimension.unknown]\n")
  }

  @Test("a limitation points to the list of limitations")
  func limitation() {
    let message = Message(
      id: "limitation", text: "recursion is not supported yet", category: .limitation)
    #expect(Diagnostic(message, at: nil).rendered().contains("help: README.md"))
  }

  @Test("a span at the end of a file, of an empty line, or past the end is shown")
  func edges() {
    for text in ["", "\n", "abc", "abc\r\n"] {
      let file = SourceFile(name: "a.mix", text: text)
      for start in 0...text.utf8.count {
        let diagnostic = Diagnostic(Message(), at: Span(file: file, start: start, end: start))
        #expect(diagnostic.rendered().contains("^"))
      }
    }
  }
}
