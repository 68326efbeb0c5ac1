// SPDX-License-Identifier: Apache-2.0
//
// Where the time of a meta-gradient goes, kernel by kernel, the most expensive first.

import CEmission
import Foundation
import Kernels
import Scheduling
import TensorIR

/// What a profile found.
package struct ProfileReport: Sendable {
  /// All calls of one kernel that run in one way. Times are sums over one call of the entry point.
  package struct Row: Sendable {
    /// The function's name in the C.
    package let kernel: String
    /// How it is computed.
    package let strategy: String
    /// Whether its units are shared out over the workers; its time is then that of all of them
    /// together, and otherwise the sum over the workers that run it.
    package let isShared: Bool
    package let calls: Int
    package let seconds: Double
    package let flops: Double
    package let bytes: Double
    /// Places in the spec with the rules of differentiation, the most expensive first.
    package let origins: [String]
  }

  package let name: String
  /// The float type, as in the manifest.
  package let dtype: String
  package let dims: [(name: String, value: Int)]
  package let threads: Int
  /// The mean time of one call, in seconds, clocks included.
  package let seconds: Double
  /// The speed of one core, and of all threads together.
  package let onePeak: MachinePeak, allPeak: MachinePeak
  /// The kernels, the most expensive first.
  package let rows: [Row]

  /// The part of the machine's peak that a row reaches: of arithmetic, or of memory if that is more
  /// and no cache holds the arrays.
  package func peakPart(of row: Row) -> Double {
    guard row.seconds > 0 else { return 0 }
    let peak = row.isShared ? allPeak : onePeak
    let arithmetic = row.flops / peak.flopsPerSecond / row.seconds
    guard row.bytes > Double(Machine.usual.warmBytes) * Double(row.calls) else { return arithmetic }
    return max(arithmetic, row.bytes / peak.bytesPerSecond / row.seconds)
  }

  // MARK: Making

  /// Puts together the calls of each kernel.
  ///
  /// - Parameters:
  ///   - calls: the timed calls of the program's text.
  ///   - times: of each, seconds and number of calls, over all repetitions.
  static func rows(
    _ calls: [ProfiledCall], _ times: [(seconds: Double, calls: Int)], repetitions: Int,
    strategies: [String: String]
  ) -> [Row] {
    struct Key: Hashable {
      var kernel: String
      var isShared: Bool
    }
    var groups: [Key: [Int]] = [:]
    for (index, call) in calls.enumerated() {
      groups[Key(kernel: call.kernelName, isShared: call.call.isParallel), default: []]
        .append(index)
    }
    let rows = groups.map { key, indices in
      let counts = indices.map { times[$0].calls / repetitions }
      /// The sum over all calls: kernels that share their text may do more or less in one call.
      func total(_ value: (Kernel) -> Int) -> Double {
        zip(indices, counts).reduce(0) { $0 + Double(value(calls[$1.0].call.kernel) * $1.1) }
      }
      var origins: [String] = []
      for index in indices.sorted(by: { times[$0].seconds > times[$1].seconds }) {
        let origin = calls[index].call.provenance.description
        if !origin.isEmpty, !origins.contains(origin) { origins.append(origin) }
      }
      return Row(
        kernel: key.kernel, strategy: strategies[key.kernel] ?? "", isShared: key.isShared,
        calls: counts.reduce(0, +),
        seconds: indices.reduce(0) { $0 + times[$1].seconds } / Double(repetitions),
        flops: total(\.flops), bytes: total(\.bytesMoved), origins: origins)
    }
    return rows.sorted { ($1.seconds, $0.kernel) < ($0.seconds, $1.kernel) }
  }

  // MARK: JSON

  /// One object; times in seconds, speeds in 10^9 per second.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let kernels = rows.map { row in
      Document.Kernel(
        kernel: row.kernel, strategy: row.strategy, isShared: row.isShared, calls: row.calls,
        seconds: row.seconds, gflops: Self.rate(row.flops, row.seconds),
        gigabytes: Self.rate(row.bytes, row.seconds), peakPart: peakPart(of: row),
        origins: row.origins)
    }
    let document = Document(
      name: name, dtype: dtype, threads: threads, seconds: seconds,
      peakGflops: allPeak.flopsPerSecond * 1e-9, peakGigabytes: allPeak.bytesPerSecond * 1e-9,
      kernels: kernels)
    return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
  }

  private struct Document: Encodable {
    struct Kernel: Encodable {
      let kernel: String, strategy: String
      let isShared: Bool
      let calls: Int
      let seconds: Double, gflops: Double, gigabytes: Double, peakPart: Double
      let origins: [String]

      enum CodingKeys: String, CodingKey {
        case kernel, strategy, calls, seconds, origins
        case isShared = "shared_out"
        case gflops = "gflops_per_second"
        case gigabytes = "gigabytes_per_second"
        case peakPart = "part_of_peak"
      }
    }

    let name: String, dtype: String
    let threads: Int
    let seconds: Double, peakGflops: Double, peakGigabytes: Double
    let kernels: [Kernel]

    enum CodingKeys: String, CodingKey {
      case name, dtype, threads, seconds, kernels
      case peakGflops = "peak_gflops_per_second"
      case peakGigabytes = "peak_gigabytes_per_second"
    }
  }

  // MARK: Text

  /// The machine's peak, the table, and the time that no kernel accounts for.
  package var text: String { "\(heading)\n\n\(table.text)\n\n\(remainder)\n" }

  /// The same for a file of Markdown.
  package var markdown: String { "\(heading)\n\n\(table.markdown)\n\(remainder)\n" }

  private var heading: String {
    let sizes = dims.map { "\($0.name) = \($0.value)" }.joined(separator: ", ")
    func speed(_ peak: MachinePeak) -> String {
      "\(shortNumber(peak.flopsPerSecond * 1e-9, digits: 3)) GFLOP/s and "
        + "\(shortNumber(peak.bytesPerSecond * 1e-9, digits: 3)) GB/s"
    }
    let more = threads == 1 ? "" : ", on \(threads) threads \(speed(allPeak))"
    return "\(name), \(dtype), \(threads == 1 ? "1 thread" : "\(threads) threads"): \(sizes)\n"
      + "machine peak measured in this run: one core \(speed(onePeak))\(more)"
  }

  private var table: TextTable {
    let total = rows.reduce(0) { $0 + $1.seconds }
    let titles = [
      "kernel", "kind", "calls", "time", "share", "GFLOP/s", "GB/s", "of peak", "from",
    ]
    let cells = rows.map { row in
      let more = row.origins.count > 1 ? " and \(row.origins.count - 1) more" : ""
      return [
        row.kernel, row.strategy + (row.isShared ? ", shared out" : ""), "\(row.calls)",
        duration(row.seconds), Self.percent(row.seconds / max(total, .leastNormalMagnitude)),
        shortNumber(Self.rate(row.flops, row.seconds), digits: 3),
        shortNumber(Self.rate(row.bytes, row.seconds), digits: 3), Self.percent(peakPart(of: row)),
        (row.origins.first ?? "") + more,
      ]
    }
    return TextTable([titles] + cells, textColumns: [0, 1, 8])
  }

  private var remainder: String {
    let total = rows.reduce(0) { $0 + $1.seconds }
    let call = "one call takes \(duration(seconds)) with the clocks"
    let isSerial = threads == 1 || rows.allSatisfy(\.isShared) || total <= seconds
    return isSerial
      ? "\(call), \(duration(max(0, seconds - total))) of it outside of kernels"
      : "\(call); kernels in loops that run on several workers take \(duration(total)) in all"
  }

  private static func rate(_ amount: Double, _ seconds: Double) -> Double {
    seconds > 0 ? amount / seconds * 1e-9 : 0
  }

  private static func percent(_ part: Double) -> String {
    "\(shortNumber(part * 100, digits: part < 0.1 ? 2 : 3)) %"
  }
}
