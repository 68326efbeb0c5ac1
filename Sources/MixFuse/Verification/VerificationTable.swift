// SPDX-License-Identifier: Apache-2.0
//
// A verification report as text for a person: a table with one row for each array and oracle, the
// conditioning, remarks, and a last line that says `verified` or `MISMATCH`.

import Foundation

extension VerificationReport {
  /// The report as lines of text, the verdict last.
  package var text: String {
    let switches = derivation.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    let heading = "\(name), \(dtype), \(switches.joined(separator: ", "))"
    let blocks = [[heading]] + sections.map(\.lines) + [[isVerified ? "verified" : "MISMATCH"]]
    return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
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
    return ["\(title): \(values)", "inputs: \(inputs)", ""] + aligned(rows)
      + (conditioning.isEmpty ? [] : [""] + conditioningLines) + notes.map { "note: \($0)" }
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
        let names = index == 0 ? [array, "\(comparison.shape)"] : ["", ""]
        rows.append(names + comparison.cells)
      }
    }
    return rows
  }

  private var conditioningLines: [String] {
    let values = conditioning.map { "\($0.array) \(short($0.movement))" }
    let warnings = conditioning.filter { $0.movement > Conditioning.warningLimit }
    let lines =
      ["moved by 1-ulp f32 noise on the inputs (relative norm):"]
      + wrapped(values, prefix: "  ")
    guard let worst = warnings.map(\.movement).max() else { return lines }
    return lines + wrapped(warnings.map(\.array), prefix: "warning: ill-conditioned: ") + [
      "  rounding the inputs to f32 moves them by up to \(short(worst)) in exact arithmetic:",
      "  no f32 program can do better",
    ]
  }
}

extension Comparison {
  /// `grad.w1`, and for other entry points `hvp: hvp.theta.w1`.
  fileprivate var fullName: String {
    entryPoint == "meta_gradient" ? array : "\(entryPoint): \(array)"
  }

  fileprivate var cells: [String] {
    let verdict =
      switch outcome {
      case .passed: "pass"
      case .failed: "FAIL"
      case .undecided: "undecided"
      }
    return [
      method.isEmpty ? oracle.title : "\(oracle.title) (\(method))",
      short(maximumError), short(relativeError), short(tolerance), verdict,
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

/// A prefix and items joined by commas, in lines of at most 90 columns, indented from the second on.
private func wrapped(_ items: [String], prefix: String) -> [String] {
  var lines: [String] = []
  var line = prefix
  for (index, item) in items.enumerated() {
    let text = index == items.count - 1 ? item : "\(item),"
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
