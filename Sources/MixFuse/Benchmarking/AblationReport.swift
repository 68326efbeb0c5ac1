// SPDX-License-Identifier: Apache-2.0
//
// The measurements of all eight combinations of the switches: as text, Markdown, JSON, and a
// picture of bars.

package import Differentiation
import Foundation

/// What an ablation found.
package struct AblationReport: Sendable {
  /// One combination.
  package struct Row: Sendable {
    package let switches: DerivationOptions
    /// Bytes of the planned arena, for all threads of the run.
    package let arenaBytes: Int
    /// The most physical memory of the process, in bytes, if the system tells.
    package let peakResidentBytes: Int?
    /// What the process grew by during the calls, less the outputs: the arena as measured.
    package let workingBytes: Int?
    /// The median call, in seconds.
    package let secondsMedian: Double
    /// The useful operations (`usefulFlops(of:)`) per second, in 10^9.
    package let usefulGflopsPerSecond: Double
  }

  package let name: String
  /// The float type, as in the manifest.
  package let dtype: String
  package let dims: [(name: String, value: Int)]
  package let threads: Int
  /// The combinations, the usual one first.
  package let rows: [Row]
  /// For each pair of rows, the relative norm of the difference of the outputs that differ most.
  package let errors: [[Double]]
  /// The relative norm by which one unit in the last place of the inputs moves the output that it
  /// moves most, if that was measured: what the combinations may differ by.
  package let inputNoiseMoves: Double?

  // MARK: JSON

  /// `{"combinations": [{"derivation": .., "arena_bytes": .., ..}], "input_noise_moves": .., ..}`;
  /// what is not known is null.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return String(decoding: try encoder.encode(Document(self)), as: UTF8.self) + "\n"
  }

  private struct Document: Encodable {
    let name: String, dtype: String
    let threads: Int
    let combinations: [Combination]
    let largestRelativeError: Double
    let inputNoiseMoves: Double?

    init(_ report: AblationReport) {
      (name, dtype, threads) = (report.name, report.dtype, report.threads)
      combinations = zip(report.rows, report.errors).map { Combination($0, error: $1.first ?? 0) }
      largestRelativeError = report.worstPair?.error ?? 0
      inputNoiseMoves = report.inputNoiseMoves
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(name, forKey: .name)
      try container.encode(dtype, forKey: .dtype)
      try container.encode(threads, forKey: .threads)
      try container.encode(combinations, forKey: .combinations)
      try container.encode(largestRelativeError, forKey: .largestRelativeError)
      try container.encode(inputNoiseMoves, forKey: .inputNoiseMoves)
    }

    enum CodingKeys: String, CodingKey {
      case name, dtype, threads, combinations
      case largestRelativeError = "largest_relative_error"
      case inputNoiseMoves = "input_noise_moves"
    }
  }

  private struct Combination: Encodable {
    let row: Row
    let error: Double

    init(_ row: Row, error: Double) {
      self.row = row
      self.error = error
    }

    enum CodingKeys: String, CodingKey {
      case derivation, remat
      case innerGradients = "inner_gradients"
      case arenaBytes = "arena_bytes"
      case peakBytes = "peak_rss_bytes"
      case workingBytes = "working_bytes"
      case secondsMedian = "seconds_median"
      case usefulGflops = "useful_gflops_per_second"
      case error = "relative_error_to_first"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(row.switches.derivation.rawValue, forKey: .derivation)
      try container.encode(row.switches.rematerialization.rawValue, forKey: .remat)
      try container.encode(row.switches.innerGradients.rawValue, forKey: .innerGradients)
      try container.encode(row.arenaBytes, forKey: .arenaBytes)
      try container.encode(row.peakResidentBytes, forKey: .peakBytes)
      try container.encode(row.workingBytes, forKey: .workingBytes)
      try container.encode(row.secondsMedian, forKey: .secondsMedian)
      try container.encode(row.usefulGflopsPerSecond, forKey: .usefulGflops)
      try container.encode(error, forKey: .error)
    }
  }

  // MARK: Text

  /// A heading, the table, and which combinations agree.
  package var text: String { "\(heading)\n\n\(table.text)\n\n\(agreement)\n" }

  /// The same for a file of Markdown.
  package var markdown: String { "\(heading)\n\n\(table.markdown)\n\(agreement)\n" }

  private var heading: String {
    let sizes = dims.map { "\($0.name) = \($0.value)" }.joined(separator: ", ")
    return "\(name), \(dtype), \(threads == 1 ? "1 thread" : "\(threads) threads"): \(sizes)"
  }

  private var table: TextTable {
    let titles = [
      "derivation", "remat", "inner gradients", "planned arena", "measured", "process peak",
      "median time", "useful GFLOP/s", "difference",
    ]
    let cells = zip(rows, errors).map { row, errors in
      [
        row.switches.derivation.rawValue, row.switches.rematerialization.rawValue,
        row.switches.innerGradients.rawValue, byteCount(row.arenaBytes),
        row.workingBytes.map(byteCount) ?? "?", row.peakResidentBytes.map(byteCount) ?? "?",
        duration(row.secondsMedian), shortNumber(row.usefulGflopsPerSecond),
        Self.exponent(errors.first ?? 0),
      ]
    }
    return TextTable([titles] + cells, textColumns: [0, 1, 2])
  }

  /// The two rows that differ most.
  var worstPair: (first: Int, second: Int, error: Double)? {
    var worst: (first: Int, second: Int, error: Double)?
    for (first, row) in errors.enumerated() {
      for (second, error) in row.enumerated() where second > first {
        if worst.map({ error > $0.error }) ?? true { worst = (first, second, error) }
      }
    }
    return worst
  }

  /// Which combinations give the same bits, how far any two are apart, and what is to be expected.
  var agreement: String {
    var groups: [[Int]] = []
    for row in rows.indices {
      if let group = groups.firstIndex(where: { errors[$0[0]][row] == 0 }) {
        groups[group].append(row)
      } else {
        groups.append([row])
      }
    }
    let equal = groups.filter { $0.count > 1 }.map { group in
      "(" + group.map { rows[$0].switches.summary }.joined(separator: ") = (") + ")"
    }
    let bits = equal.isEmpty ? [] : ["equal to the last bit: \(equal.joined(separator: "; "))"]
    guard let worst = worstPair else { return "nothing to compare" }
    guard worst.error > 0 else { return "all \(rows.count) give the same bits" }
    let pair = [worst.first, worst.second].map { "(\(rows[$0].switches.summary))" }
    let all =
      "all \(rows.count) agree to \(Self.exponent(worst.error)), relative norm of the array that "
      + "differs most; \(pair.joined(separator: " and ")) are furthest apart"
    let noise = inputNoiseMoves.map {
      "1-ulp noise on the inputs moves the result by \(Self.exponent($0)): differences of "
        + "that size are rounding, not a mistake"
    }
    return ([all, noise].compactMap(\.self) + bits).joined(separator: "\n")
  }

  private static func exponent(_ error: Double) -> String {
    error == 0 ? "0" : String(format: "%.1e", error)
  }

  // MARK: Picture

  /// Bars for memory and for time.
  package var svg: String {
    let labels = rows.map { row in
      [
        row.switches.derivation.rawValue, row.switches.rematerialization.rawValue,
        row.switches.innerGradients.rawValue,
      ]
    }
    let unit = ByteUnit(for: rows.map(\.arenaBytes).max() ?? 0)
    let memory = BarChart.Panel(
      yLabel: unit.name,
      series: [
        ("planned arena", rows.map { Double($0.arenaBytes) / unit.bytes }),
        ("process peak", rows.map { Double($0.peakResidentBytes ?? 0) / unit.bytes }),
      ])
    let time = BarChart.Panel(
      yLabel: "seconds", series: [("median call", rows.map(\.secondsMedian))])
    return BarChart(title: "\(name), \(dtype)", labels: labels, panels: [memory, time]).svg
  }
}
