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
  /// The diagnostic as the user sees it, each line ended by a line break. Names and lines from
  /// outside are shown without control characters, and long ones are cut.
  package func rendered() -> String {
    var lines: [String] = []
    let excerpt = span.map(Excerpt.init)
    let place = span.map { "\($0.description): " } ?? ""
    lines.append("\(place)\(severity.rawValue): \(shortened(visible(text))) [\(id)]")
    let shown = operands.filter { excerpt?.shows($0) == true }
    if let excerpt { lines += excerpt.lines(labels: shown) }
    for operand in operands where excerpt?.shows(operand) != true {
      lines.append("note: \(operand.span.description): \(shortened(visible(operand.text)))")
    }
    for note in notes {
      // What tools say has lines of its own, and all of it is wanted.
      let text = visible(note.text, keepsLineBreaks: true)
      lines.append("note: " + (note.span.map { "\($0.description): " } ?? "") + text)
    }
    if let help = help ?? category.help {
      lines.append("help: \(shortened(visible(help, keepsLineBreaks: true), to: 2000))")
    }
    return lines.map { $0 + "\n" }.joined()
  }
}

/// The line of a span, cut to a window around the span if it is long.
private struct Excerpt {
  /// A line of at most this many columns is shown whole; of a longer one, this many columns.
  static let columns = 160

  let span: Span
  let line: Int
  /// The line in one character a column.
  private let source: [Character]
  /// The columns shown, from 0.
  private let window: Range<Int>
  /// What stands in front of the window, and behind it.
  private let ends: (left: String, right: String)

  init(of span: Span) {
    self.span = span
    let position = span.position
    line = position.line
    source = span.file.text(ofLine: line).map(\.inOneColumn)
    if source.count <= Self.columns {
      window = 0..<source.count
      ends = ("", "")
    } else {
      let start = min(max(position.column - 1 - Self.columns / 3, 0), source.count - Self.columns)
      window = start..<start + Self.columns
      ends = (start > 0 ? "... " : "", window.upperBound < source.count ? " ..." : "")
    }
  }

  /// Labels can only be drawn under what is shown; others become notes.
  func shows(_ operand: OperandLabel) -> Bool {
    guard operand.span.file === span.file else { return false }
    let position = operand.span.position
    return position.line == line
      && (window.count == source.count || window.contains(position.column - 1))
  }

  /// The source line, the underlines and one line per label, rightmost label first.
  func lines(labels: [OperandLabel]) -> [String] {
    let number = String(line)
    let margin = String(repeating: " ", count: number.count) + " | "
    let labels =
      labels.map { (column: column(of: $0.span.position.column), label: $0) }
      .sorted { $0.column < $1.column }
    var underline = Columns()
    for (_, label) in labels {
      underline.write(underlining(label.span, first: "-", rest: "-"))
    }
    underline.write(underlining(span, first: "^", rest: "~"))
    let text = ends.left + String(source[window]) + ends.right
    var lines = ["\(number) | \(text)", margin + underline.text]
    for index in labels.indices.reversed() {
      var row = Columns()
      for other in labels[..<index] { row.write((other.column, "|")) }
      row.write((labels[index].column, "`- \(shortened(visible(labels[index].label.text)))"))
      lines.append(margin + row.text)
    }
    return lines.map(withoutTrailingSpaces)
  }

  /// The column on the screen of a column of the line, both from 1.
  private func column(of column: Int) -> Int { column - window.lowerBound + ends.left.count }

  /// The underline of a span: at least one column, and not past the end of what is shown of its
  /// first line.
  private func underlining(
    _ span: Span, first: Character, rest: Character
  ) -> (column: Int, text: String) {
    let start = span.position
    let end = span.file.position(at: span.end)
    let lastColumn = end.line == start.line ? end.column : source.count + 1
    let shownEnd = window.upperBound < source.count ? window.upperBound + 1 : lastColumn
    let length = max(min(lastColumn, shownEnd) - start.column, 1)
    return (
      column(of: start.column), String(first) + String(repeating: rest, count: length - 1)
    )
  }

  private func withoutTrailingSpaces(_ line: String) -> String {
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
