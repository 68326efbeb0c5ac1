// SPDX-License-Identifier: Apache-2.0
//
// A verification report as text for a person: a table with one row for each array and oracle, the
// conditioning, remarks, and a last line that says `verified`, `UNDECIDED` or `MISMATCH`.

import Foundation

extension VerificationReport {
  /// The report as lines of text, the verdict last.
  package var text: String {
    let switches = derivation.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    let heading = "\(name), \(dtype), \(switches.joined(separator: ", "))"
    let skipped = skipped.isEmpty ? [] : [skipped.map { "skipped: \($0)" }]
    let blocks = [[heading]] + sections.map(\.lines) + skipped + [verdictLines]
    return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
  }

  private var verdictLines: [String] {
    let levels = undecidedLevels.map(\.rawValue)
    let undecided =
      levels.isEmpty
      ? [] : wrapped(levels, prefix: "no oracle without derivative rules decided: ")
    switch verdict {
    case .verified: return ["verified"]
    case .undecided: return undecided + ["UNDECIDED"]
    case .mismatch: return undecided + ["MISMATCH"]
    }
  }

  /// The report as JSON text with sorted keys; numbers that are not finite are strings.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }
}

extension VerificationSection {
  fileprivate var lines: [String] {
    let values = dims.map { "\($0.name) = \($0.value)" }.joined(separator: ", ")
    let heading =
      dims.isEmpty ? ["\(title): \(inputs)"] : ["\(title): \(values)", "inputs: \(inputs)"]
    guard !isSpecial || comparisons.contains(where: { $0.outcome == .failed }) else {
      return heading + summary + notes.flatMap(noteLines)
    }
    return heading + [""] + aligned(rows)
      + (conditioning.isEmpty ? [] : [""] + conditioningLines)
      + (readingNotes + notes).flatMap(noteLines)
  }

  /// One line instead of the table where nothing is wrong.
  private var summary: [String] {
    guard let worst = comparisons.worst else { return ["  nothing could be compared"] }
    let share = String(format: "%.2f", worst.shareOfLimit)
    return [
      "  all pass; nearest to its limit, at \(share) of it: \(worst.fullName), "
        + "against \(worst.oracle.title)"
    ]
  }

  /// How to read what is in the table.
  private var readingNotes: [String] {
    let zeros = comparisons.filter { $0.isOfRounding && $0.oracle == .interpreter }.map(\.fullName)
    let open = comparisons.filter { $0.outcome == .undecided && $0.oracle == .finiteDifference }
      .map(\.fullName)
    var notes: [String] = []
    if !zeros.isEmpty {
      notes.append(
        "no larger than its rounding, so judged by its size alone: "
          + zeros.joined(separator: ", "))
    }
    if comparisons.contains(where: { $0.method.hasSuffix("beside") }) {
      notes.append(
        "beside: these inputs are on a kink, where differences say nothing, so the library and the "
          + "differences were compared 1 % beside them")
    }
    if !open.isEmpty {
      notes.append("differences leave too much open to decide: " + open.joined(separator: ", "))
    }
    return notes
  }

  /// The table: all rows of an array together, its name on the first.
  private var rows: [[String]] {
    var rows = [["array", "shape", "against", "max abs", "rel norm", "tolerance", ""]]
    var arrays: [String] = []
    for comparison in comparisons where !arrays.contains(comparison.fullName) {
      arrays.append(comparison.fullName)
    }
    for array in arrays {
      let group = comparisons.filter { $0.fullName == array }
      for (index, comparison) in group.enumerated() {
        let shape = comparison.array == Comparison.allGradients ? "" : "\(comparison.shape)"
        let names = index == 0 ? [array, shape] : ["", ""]
        rows.append(names + comparison.cells)
      }
    }
    return rows
  }

  private var conditioningLines: [String] {
    let moved = conditioning.map { "\($0.array) \(short($0.movement))" }
    let rounded = conditioning.compactMap { item in
      item.rounding.map { "\(item.array) \(short($0))" }
    }
    let lines =
      ["moved by 1-ulp f32 noise on the inputs (relative norm):"] + wrapped(moved, prefix: "  ")
      + (rounded.isEmpty
        ? []
        : ["moved by rounding every operation to f32:"] + wrapped(rounded, prefix: "  "))
    return lines + illConditioned
  }

  /// What f32 cannot do here, said plainly.
  private var illConditioned: [String] {
    let limit = Conditioning.warningLimit
    let byInputs = conditioning.filter { $0.movement > limit }
    let byRounding = conditioning.filter { ($0.rounding ?? 0) > limit }
    if let worst = byInputs.map(\.movement).max() {
      return wrapped(byInputs.map(\.array), prefix: "warning: ill-conditioned: ") + [
        "  rounding the inputs to f32 moves them by up to \(short(worst)) in exact arithmetic:",
        "  no f32 program can do better",
      ]
    }
    if let worst = byRounding.compactMap(\.rounding).max() {
      return wrapped(byRounding.map(\.array), prefix: "warning: ill-conditioned in f32: ") + [
        "  rounding every operation to f32 moves them by up to \(short(worst)), and they are judged",
        "  with that much leave: verify with --dtype f64 too, and expect no more digits of f32",
      ]
    }
    return []
  }
}

extension Comparison {
  fileprivate var cells: [String] {
    let verdict =
      switch outcome {
      case .passed: "pass"
      case .failed: "FAIL"
      case .undecided: "undecided"
      }
    return [
      method.isEmpty ? oracle.title : "\(oracle.title) (\(method))", short(maximumError),
      isOfRounding ? "-" : short(relativeError), isOfRounding ? "-" : short(tolerance), verdict,
    ]
  }
}

extension Oracle {
  fileprivate var title: String {
    switch self {
    case .interpreter: "interpreter"
    case .otherDerivation: "other derivation"
    case .finiteDifference: "finite difference"
    case .reference: "reference file"
    }
  }
}

/// A remark in lines of at most 90 columns.
private func noteLines(_ text: String) -> [String] {
  let words = text.split(separator: " ").map(String.init)
  return wrapped(words, prefix: "note: ", separator: "")
}

/// `3.1e-09`.
private func short(_ number: Double) -> String {
  number == 0 ? "0" : String(format: "%.1e", number)
}

/// Rows as lines with columns of equal width; numbers, in columns 3 to 5, to the right.
private func aligned(_ rows: [[String]]) -> [String] {
  let columns = rows.first?.indices ?? 0..<0
  let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
  return rows.map { row in
    let cells = columns.map { column in
      let padding = String(repeating: " ", count: widths[column] - row[column].count)
      return (3...5).contains(column) ? padding + row[column] : row[column] + padding
    }
    let line = cells.joined(separator: "  ")
    return String(line.reversed().drop { $0 == " " }.reversed())
  }
}

/// A prefix and items joined by a separator, in lines of at most 90 columns, indented from the second on.
private func wrapped(
  _ items: [String], prefix: String, separator: String = ","
) -> [String] {
  var lines: [String] = []
  var line = prefix
  for (index, item) in items.enumerated() {
    let text = index == items.count - 1 ? item : item + separator
    let isFirst = index == 0
    if !isFirst && line.count + 1 + text.count > 90 {
      lines.append(line)
      line = "  \(text)"
    } else {
      line += isFirst ? text : " \(text)"
    }
  }
  return lines + [line]
}
