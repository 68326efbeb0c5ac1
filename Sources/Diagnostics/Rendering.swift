// SPDX-License-Identifier: Apache-2.0
//
// Diagnostics as text. The look is fixed by the house style and is a golden test:
//
//     maml.mix:14:7: error: matmul needs equal inner sizes, got 784 and 10 [shape.inner]
//     14 |   h = matmul(x, w2)
//        |       ^~~~~~ -  --
//        |              |  `- w2: [10, 64]
//        |              `- x: [n, 784]
//     note: maml.mix:6:7: w2 is declared here
//     help: w1 has shape [784, 64]; did you mean matmul(x, w1)?

extension Diagnostic {
  /// The diagnostic as the user sees it, each line ended by a line break.
  package func rendered() -> String {
    var lines: [String] = []
    let place = span.map { "\($0.description): " } ?? ""
    lines.append("\(place)\(severity.rawValue): \(text) [\(id)]")
    if let span { lines += excerpt(of: span) }
    let line = span?.position.line
    for operand in operands where !isShown(operand, onLine: line) {
      lines.append("note: \(operand.span.description): \(operand.text)")
    }
    for note in notes {
      lines.append("note: " + (note.span.map { "\($0.description): " } ?? "") + note.text)
    }
    if let help = help ?? category.help { lines.append("help: \(help)") }
    return lines.map { $0 + "\n" }.joined()
  }

  /// Labels can only be drawn under the line that is shown; others become notes.
  private func isShown(_ operand: OperandLabel, onLine line: Int?) -> Bool {
    operand.span.file === span?.file && operand.span.position.line == line
  }

  /// The source line, the underlines and one line per label, rightmost label first.
  private func excerpt(of span: Span) -> [String] {
    let line = span.position.line
    let source = span.file.text(ofLine: line).map { $0 == "\t" ? " " : $0 }
    let number = String(line)
    let margin = String(repeating: " ", count: number.count) + " | "
    let labels =
      operands.filter { isShown($0, onLine: line) }
      .map { (column: $0.span.position.column, label: $0) }
      .sorted { $0.column < $1.column }
    var underline = Columns()
    for (_, label) in labels {
      underline.write(Self.underline(of: label.span, first: "-", rest: "-", width: source.count))
    }
    underline.write(Self.underline(of: span, first: "^", rest: "~", width: source.count))
    var lines = ["\(number) | \(String(source))", margin + underline.text]
    for index in labels.indices.reversed() {
      var row = Columns()
      for other in labels[..<index] { row.write((other.column, "|")) }
      row.write((labels[index].column, "`- \(labels[index].label.text)"))
      lines.append(margin + row.text)
    }
    return lines.map(Self.withoutTrailingSpaces)
  }

  /// The underline of a span: at least one column, and not past the end of its first line.
  private static func underline(
    of span: Span, first: Character, rest: Character, width: Int
  ) -> (column: Int, text: String) {
    let start = span.position
    let end = span.file.position(at: span.end)
    let lastColumn = end.line == start.line ? end.column : width + 1
    let length = max(lastColumn - start.column, 1)
    return (start.column, String(first) + String(repeating: rest, count: length - 1))
  }

  private static func withoutTrailingSpaces(_ line: String) -> String {
    var line = line
    while line.last == " " { line.removeLast() }
    return line
  }
}

extension DiagnosticCategory {
  /// What to do about a diagnostic that has no help of its own.
  fileprivate var help: String? {
    switch self {
    case .userError: nil
    case .limitation: "README.md lists what is not supported yet"
    case .compilerBug:
      "this is a mistake in mixfuse; please report it with `mixfuse dump --stage ir`"
    }
  }
}

/// A line of text that is written piece by piece at given columns.
private struct Columns {
  private var characters: [Character] = []

  var text: String { String(characters) }

  /// Writes `piece.text` so that it begins at the 1-based column `piece.column`.
  mutating func write(_ piece: (column: Int, text: String)) {
    for (offset, character) in piece.text.enumerated() {
      let index = piece.column - 1 + offset
      while characters.count <= index { characters.append(" ") }
      characters[index] = character
    }
  }
}
