// SPDX-License-Identifier: Apache-2.0
//
// Tables of reports: columns of equal width for a terminal, Markdown for a file.

/// Rows of cells, the first row with the titles of the columns.
struct TextTable {
  let rows: [[String]]
  /// The columns that hold words and start at the left; numbers end at the right.
  let textColumns: Set<Int>

  /// Makes a table of rows with equal numbers of cells.
  init(_ rows: [[String]], textColumns: Set<Int> = [0]) {
    self.rows = rows
    self.textColumns = textColumns
  }

  /// Lines with columns two spaces apart; no line break at the end.
  var text: String {
    let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = columns.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return textColumns.contains(column) ? row[column] + padding : padding + row[column]
      }
      let line = cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }

  /// A table of Markdown, ending in a line break.
  var markdown: String {
    let ruler = columns.map { textColumns.contains($0) ? ":--" : "--:" }
    let lines = rows.prefix(1) + [ruler] + rows.dropFirst()
    return lines.map { "| \($0.joined(separator: " | ")) |\n" }.joined()
  }

  private var columns: Range<Int> { rows.first?.indices ?? 0..<0 }
}
