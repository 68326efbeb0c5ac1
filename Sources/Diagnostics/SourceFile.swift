// SPDX-License-Identifier: Apache-2.0
//
// The text of one source file and positions inside it.
// A position is a UTF-8 byte offset, which is what the lexer produces; lines and columns are worked
// out only when a message is printed. Lines and columns are 1-based, and columns count characters
// (what a reader counts), not bytes.

/// A line and a column in a source file, both 1-based; the column counts characters.
package struct LineAndColumn: Hashable, Sendable {
  /// The line, 1 for the first.
  package let line: Int
  /// The column in characters, 1 for the first character of the line.
  package let column: Int

  /// Makes a position; both numbers are at least 1.
  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
}

/// One source file: its name as shown to the user, its text and the start of each line.
package final class SourceFile: Sendable {
  /// The name shown in messages, usually the path as the user wrote it.
  package let name: String
  /// The whole text, as UTF-8 bytes.
  package let bytes: [UInt8]
  /// True for files that belong to the compiler (the prelude); errors move to the user's call.
  package let isBuiltIn: Bool
  /// The byte offset of the first byte of each line.
  private let lineStarts: [Int]

  /// Makes a source file from text already read.
  package init(name: String, text: String, isBuiltIn: Bool = false) {
    self.name = name
    let bytes = Array(text.utf8)
    self.bytes = bytes
    self.isBuiltIn = isBuiltIn
    let newline = UInt8(ascii: "\n")
    self.lineStarts = [0] + bytes.indices.filter { bytes[$0] == newline }.map { $0 + 1 }
  }

  /// The line and column of a byte offset; an offset past the end means the end of the text.
  package func position(at offset: Int) -> LineAndColumn {
    let clamped = min(max(offset, 0), bytes.count)
    var low = 0
    var high = lineStarts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if lineStarts[middle] <= clamped { low = middle } else { high = middle }
    }
    let prefix = String(decoding: bytes[lineStarts[low]..<clamped], as: UTF8.self)
    return LineAndColumn(line: low + 1, column: prefix.count + 1)
  }

  /// The text of a line without its line break; `line` is 1-based.
  package func text(ofLine line: Int) -> String {
    guard line >= 1, line <= lineStarts.count else { return "" }
    let start = lineStarts[line - 1]
    let end = line < lineStarts.count ? lineStarts[line] - 1 : bytes.count
    let text = String(decoding: bytes[start..<max(start, end)], as: UTF8.self)
    return text.hasSuffix("\r") ? String(text.dropLast()) : text
  }
}

/// A half-open range of bytes in a source file.
package struct Span: Sendable {
  /// The file the range lies in.
  package let file: SourceFile
  /// The offset of the first byte.
  package let start: Int
  /// The offset after the last byte.
  package let end: Int

  /// Makes a span; `end` is at least `start`.
  package init(file: SourceFile, start: Int, end: Int) {
    self.file = file
    self.start = start
    self.end = max(start, end)
  }

  /// The line and column of the first byte.
  package var position: LineAndColumn { file.position(at: start) }

  /// The place as `file:line:col`, as every message shows it.
  package var description: String {
    "\(shortened(visible(file.name))):\(position.line):\(position.column)"
  }

  /// The place without the folders of the file's path, so that generated code does not depend on
  /// where the spec lies.
  package var shortDescription: String {
    let name = file.name.split(separator: "/").last.map(String.init) ?? file.name
    return "\(visible(name)):\(position.line):\(position.column)"
  }

  /// The source text the span covers.
  package var text: String { String(decoding: file.bytes[start..<end], as: UTF8.self) }

  /// The smallest span that covers this one and another span of the same file.
  package func joined(to other: Span) -> Span {
    guard other.file === file else { return self }
    return Span(file: file, start: min(start, other.start), end: max(end, other.end))
  }
}

extension Span: Hashable {
  package static func == (lhs: Span, rhs: Span) -> Bool {
    lhs.file === rhs.file && lhs.start == rhs.start && lhs.end == rhs.end
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(ObjectIdentifier(file))
    hasher.combine(start)
    hasher.combine(end)
  }
}
