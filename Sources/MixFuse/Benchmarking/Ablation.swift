// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse bench --ablation`: the same spec with all eight combinations of the three switches. Each
// is built, planned and run in a process of its own, so that one's memory is not another's, on the
// same drawn inputs; what comes out is compared.

import Differentiation
import Foundation
import MixFuseRuntime
import TensorIR

/// What to measure, and how.
package struct BenchRequest: Sendable {
  /// Timed calls of each combination, at least 1.
  package var repetitions = 3
  /// Number of workers; all processors if nil.
  package var threads: Int?
  /// Whether builds may come from the cache and go there.
  package var usesCache = true

  package init() {}
}

extension DerivationOptions {
  /// `mixed, block, save`.
  var summary: String {
    "\(derivation.rawValue), \(rematerialization.rawValue), \(innerGradients.rawValue)"
  }
}

extension Compilation {
  /// Measures the meta-gradient under all eight combinations of the switches.
  ///
  /// - Parameters:
  ///   - executable: the `mixfuse` program, which runs the libraries.
  ///   - progress: told the name of each combination before its turn.
  /// - Cost: eight builds and `repetitions` calls of each, and warming up.
  /// - Throws: `CompilationFailure`, `RuntimeError`, `ChildFailure`.
  package func ablation(
    _ request: BenchRequest, executable: String, progress: (String) -> Void
  ) throws -> AblationReport {
    var rows: [AblationReport.Row] = []
    var outputs: [NamedArrays] = []
    for switches in DerivationOptions.allCombinations {
      progress(switches.summary)
      let measured = try Self.withTemporaryFolder { folder in
        try with(switches).measured(request, executable: executable, in: folder)
      }
      rows.append(measured.row)
      outputs.append(measured.outputs)
    }
    let problem = try problem()
    return AblationReport(
      name: problem.name, dtype: problem.dtype.rawValue, dims: problem.dims,
      threads: request.threads ?? ThreadPool.availableProcessors, rows: rows,
      errors: try Self.differences(outputs))
  }

  /// The same compilation with other switches.
  private func with(_ switches: DerivationOptions) -> Compilation {
    var options = options
    options.derivation = switches
    return Compilation(path: path, options: options, diagnostics: diagnostics)
  }

  private func measured(
    _ request: BenchRequest, executable: String, in folder: String
  ) throws -> (row: AblationReport.Row, outputs: NamedArrays) {
    let built = try build(into: folder, cache: request.usesCache ? Self.defaultCache : nil)
    let file = "\(folder)/outputs.npz"
    var arguments = ["run", built.library, "--json", "--outputs", file]
    arguments += ["--repeat", "\(request.repetitions)"]
    if let threads = request.threads { arguments += ["--threads", "\(threads)"] }
    let run = try ChildRun(executable: executable, arguments: arguments)
    let manifest = try Library(path: built.library).manifest
    let useful = manifest.entryPoints.first { $0.name == EntryPoint.metaGradient.rawValue }
    let row = AblationReport.Row(
      switches: options.derivation, arenaBytes: run.arenaBytes, peakResidentBytes: run.peakBytes,
      workingBytes: run.workingBytes, secondsMedian: run.secondsMedian,
      usefulGflopsPerSecond: (useful?.usefulFlops ?? 0) / run.secondsMedian * 1e-9)
    return (row, try ArrayFile.read(file))
  }

  /// For each pair, the relative norm of the difference of the arrays that differ most.
  private static func differences(_ outputs: [NamedArrays]) throws -> [[Double]] {
    var errors = outputs.map { _ in [Double](repeating: 0, count: outputs.count) }
    for name in outputs.first?.names ?? [] {
      let values = try outputs.map { try $0.values(name) }
      for first in values.indices {
        for second in values.indices where second > first {
          let error = ArrayError(values[second], expected: values[first]).relative
          errors[first][second] = max(errors[first][second], error)
          errors[second][first] = errors[first][second]
        }
      }
    }
    return errors
  }

  /// Calls `body` with a new folder, which is removed afterwards.
  static func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("mixfuse-bench-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }
}
