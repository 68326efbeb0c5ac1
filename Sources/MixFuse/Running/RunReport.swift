// SPDX-License-Identifier: Apache-2.0
//
// The result of calling a library, as text for people and as JSON for scripts
// (Benchmarks/small_models.py reads the latter).

package import MixFuseRuntime

/// What came out of a run.
package struct RunReport: Sendable {
  /// What was called.
  package let entryPoint: Manifest.EntryPoint
  /// The number of workers.
  package let workers: Int
  /// Bytes of the arena of one call.
  package let arenaBytes: Int
  /// Seconds of each timed call, in order; not empty.
  package let seconds: [Double]
  /// The most physical memory that the process used, in bytes, if the system tells.
  package let peakResidentBytes: Int?
  /// The physical memory of the process before the first call (the program, the library, the
  /// inputs) and after the last one, in bytes, if the system tells.
  package let residentBytes: (before: Int, after: Int)?
  /// The outputs of the last call.
  package let outputs: NamedArrays

  /// The memory that the calls themselves took: what the process grew by, less the outputs. To be
  /// held against `arenaBytes`; nothing that a call has touched is given back before the end.
  package var workingBytes: Int? {
    let outputBytes = outputs.reduce(0) { $0 + $1.array.byteCount }
    return residentBytes.map { max(0, $0.after - $0.before - outputBytes) }
  }

  /// The fastest call, in seconds.
  package var secondsMin: Double { seconds.min() ?? .nan }

  /// The median call, in seconds.
  package var secondsMedian: Double {
    let sorted = seconds.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// The loss, if the entry point gives one.
  package var loss: Double? { outputs["loss"]?.scalarValue }

  /// One JSON object on one line; what is not known or not finite is null.
  package var json: String {
    func number(_ value: Double?) -> String {
      value.flatMap { $0.isFinite ? "\($0)" : nil } ?? "null"
    }
    func integer(_ value: Int?) -> String { value.map(String.init) ?? "null" }
    return "{\"seconds_median\": \(number(secondsMedian)), \"seconds_min\": \(number(secondsMin)), "
      + "\"peak_rss_bytes\": \(integer(peakResidentBytes)), "
      + "\"working_bytes\": \(integer(workingBytes)), \"arena_bytes\": \(arenaBytes), "
      + "\"loss\": \(number(loss))}"
  }

  /// A line per output (its value, or its shape and norm), then times and memory.
  package var text: String {
    var lines = outputs.map { name, array in
      let summary =
        array.scalarValue.map(shortNumber)
        ?? "\(array)  norm \(shortNumber(norm(of: array)))"
      return "\(name)  \(summary)"
    }
    let calls = seconds.count == 1 ? "1 call" : "\(seconds.count) calls"
    let threads = workers == 1 ? "1 thread" : "\(workers) threads"
    lines.append(
      "\(entryPoint.name): \(calls) on \(threads), best \(shortNumber(secondsMin * 1e3)) ms, "
        + "median \(shortNumber(secondsMedian * 1e3)) ms, "
        + "\(shortNumber(Double(entryPoint.usefulFlops) / secondsMin * 1e-9)) useful GFLOP/s")
    lines.append(
      "memory: arena \(byteCount(arenaBytes))"
        + (peakResidentBytes.map { ", process \(byteCount($0)) at most" } ?? ""))
    return lines.joined(separator: "\n")
  }

  private func norm(of array: NDArray) -> Double {
    array.doubles().reduce(0) { $0 + $1 * $1 }.squareRoot()
  }
}
