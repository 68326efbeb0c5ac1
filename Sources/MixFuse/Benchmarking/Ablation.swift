// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse bench --ablation`: the same spec with all eight combinations of the three switches. Each
// is built, planned and run in a process of its own, so that one's memory is not another's, on the
// same drawn inputs; what comes out is compared. How far the combinations may differ depends on the
// problem, so the first one is also called on inputs with noise in their last place.

import Differentiation
import Foundation
import MixFuseRuntime
import MixFuseShared
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
  /// - Cost: eight builds and `repetitions` calls of each, warming up, and three calls for the noise.
  /// - Throws: `CompilationFailure`, `RuntimeError`, `ChildFailure`.
  package func ablation(
    _ request: BenchRequest, executable: String, progress: (String) -> Void
  ) throws -> AblationReport {
    var rows: [AblationReport.Row] = []
    var outputs: [NamedArrays] = []
    var inputNoiseMoves: Double?
    for switches in DerivationOptions.allCombinations {
      progress(switches.summary)
      let measured = try Self.withTemporaryFolder { folder in
        let measured = try with(switches).measured(request, executable: executable, in: folder)
        if rows.isEmpty {
          inputNoiseMoves = try Self.movement(
            of: measured.library, from: measured.outputs, threads: request.threads)
        }
        return measured
      }
      rows.append(measured.row)
      outputs.append(measured.outputs)
    }
    let problem = try problem()
    return AblationReport(
      name: problem.name, dtype: problem.dtype.rawValue, dims: problem.dims,
      threads: request.threads ?? ThreadPool.availableProcessors, rows: rows,
      errors: try Self.differences(outputs), inputNoiseMoves: inputNoiseMoves)
  }

  /// The same compilation with other switches.
  private func with(_ switches: DerivationOptions) -> Compilation {
    var options = options
    options.derivation = switches
    return with(options)
  }

  private func measured(
    _ request: BenchRequest, executable: String, in folder: String
  ) throws -> (row: AblationReport.Row, outputs: NamedArrays, library: Library) {
    let built = try build(into: folder, cache: request.usesCache ? Self.defaultCache : nil)
    let file = "\(folder)/outputs.npz"
    var arguments = ["run", built.library, "--json", "--outputs", file]
    arguments += ["--repeat", "\(request.repetitions)"]
    if let threads = request.threads { arguments += ["--threads", "\(threads)"] }
    let run = try ChildRun(executable: executable, arguments: arguments)
    let library = try Library(path: built.library)
    let useful = library.manifest.entryPoints.first {
      $0.name == EntryPoint.metaGradient.rawValue
    }
    let row = AblationReport.Row(
      switches: options.derivation, arenaBytes: run.arenaBytes, peakResidentBytes: run.peakBytes,
      workingBytes: run.workingBytes, secondsMedian: run.secondsMedian,
      usefulGflopsPerSecond: Double(useful?.usefulFlops ?? 0) / run.secondsMedian * 1e-9)
    return (row, try ArrayFile.read(file), library)
  }

  /// How many noises are drawn.
  private static let noiseDraws = 3

  /// The largest relative movement of an output when every number that a library draws for itself
  /// changes by one unit in the last place, up or down at random.
  ///
  /// - Parameter still: the outputs without noise.
  /// - Cost: one call for each draw.
  private static func movement(
    of library: Library, from still: NamedArrays, threads: Int?
  ) throws -> Double {
    let pool = try ThreadPool(workers: threads ?? ThreadPool.availableProcessors)
    let session = try Session(
      library, entryPoint: EntryPoint.metaGradient.rawValue, pool: pool)
    session.conversion = .whenNeeded
    let seed = library.manifest.seed
    let sampler = InputSampler(seed: seed)
    var largest = 0.0
    for draw in 0..<noiseDraws {
      for input in session.entryPoint.inputs {
        // One array at a time: those of a large model would not fit into memory twice.
        let size = input.elementType == .float32 ? 0x1p-23 : 0x1p-52
        var drawn = NamedArrays()
        drawn[input.name] = try sampler.draw(input)
        let noisy = try drawn.withNoise(size: size, draw: draw, seed: seed)
        try session.setInput(input.name, to: noisy.array(input.name))
      }
      try session.run()
      let moved = session.outputs
      for (name, array) in still {
        let error = ArrayError(try moved.values(name), expected: array.doubles())
        largest = max(largest, error.relative)
      }
    }
    return largest
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
    let folder = try temporaryFolder()
    return try withExtendedLifetime(folder) { try body(folder.path) }
  }

  /// A new folder that goes with the object.
  ///
  /// - Throws: `RuntimeError.fileUnwritable`.
  static func temporaryFolder() throws(RuntimeError) -> TemporaryFolder {
    do {
      return try TemporaryFolder()
    } catch {
      throw RuntimeError(error)
    }
  }
}
