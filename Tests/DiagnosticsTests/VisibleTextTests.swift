// SPDX-License-Identifier: Apache-2.0
//
// What comes from outside is shown without control characters, and cut where it is long.

import Diagnostics
import Testing

private struct Complaint: DiagnosticMessage {
  var id: String { "test" }
  var text: String
}

@Suite("visible text")
struct VisibleTextTests {
  private static func hasControls(_ text: String) -> Bool {
    text.unicodeScalars.contains { $0 != "\n" && ($0.value < 0x20 || 0x7F...0x9F ~= $0.value) }
  }

  @Test("every control character and mark of direction is written out")
  func controls() {
    for value in Array(0..<0x20) + Array(0x7F...0x9F) + [0x2028, 0x2029, 0x202E, 0x2066, 0xFEFF] {
      guard let scalar = Unicode.Scalar(UInt32(value)) else { continue }
      let shown = visible("a\(Character(scalar))b")
      #expect(!Self.hasControls(shown) && !shown.contains("\n"))
      #expect(shown.hasPrefix("a\\") && shown.hasSuffix("b"))
    }
    #expect(visible("two\nlines", keepsLineBreaks: true) == "two\nlines")
    #expect(visible("naïve λ 数 [3, 4]") == "naïve λ 数 [3, 4]")
  }

  @Test("neither names nor lines reach the terminal as they are")
  func rendering() {
    let file = SourceFile(name: "evil\n\u{1B}[31m.mix", text: "let \u{1B}[2Jx\u{7}\u{9B}1m = y\r\n")
    let span = Span(file: file, start: 4, end: 9)
    let text = Diagnostic(Complaint(text: "found '\u{1B}[2J\n'"), at: span).rendered()
    #expect(!Self.hasControls(text))
    #expect(text.hasPrefix("evil\\n\\u{1B}[31m.mix:1:5: error: found '\\u{1B}[2J\\n' [test]\n"))
    #expect(text.split(separator: "\n").count == 3)
  }

  @Test("of a long line, what is around the caret is shown", arguments: [0, 1, 500, 99_990])
  func longLine(position: Int) {
    var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 100_000)
    for index in position..<position + 3 { bytes[index] = UInt8(ascii: "X") }
    let file = SourceFile(name: "f.mix", text: String(decoding: bytes, as: UTF8.self))
    let span = Span(file: file, start: position, end: position + 3)
    let label = OperandLabel("far away", at: Span(file: file, start: 50_000, end: 50_001))
    let text = Diagnostic(
      Complaint(text: String(repeating: "m", count: 1_000_000)), at: span, operands: [label]
    ).rendered()
    #expect(text.utf8.count < 1500)
    let lines = text.split(separator: "\n").map { Array($0) }
    let shown = lines[1]
    for (column, mark) in lines[2].enumerated() where "^~".contains(mark) {
      #expect(shown[column] == "X")
    }
    #expect(lines[2].count { "^~".contains($0) } == 3)
    #expect(text.contains("note: f.mix:1:50001: far away"))
  }

  @Test("a span that ends far away is underlined as far as the line is shown")
  func longSpan() {
    let file = SourceFile(name: "f.mix", text: String(repeating: "b", count: 5000))
    let text = Diagnostic(
      Complaint(text: "long"), at: Span(file: file, start: 10, end: 4000)
    ).rendered()
    #expect(text.split(separator: "\n").allSatisfy { $0.count < 200 })
  }
}
