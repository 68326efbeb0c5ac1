// SPDX-License-Identifier: Apache-2.0
//
// Plans of many configurations: every spec with every preset and every combination of sizes, each in
// the standard derivation (with and without rematerialisation of blocks) and in the mixed one. Only
// numbers are computed, so configurations that no machine at hand could run are no problem.

import Diagnostics
import Differentiation
import Dispatch
import Synchronization

/// What to plan.
package struct SweepRequest: Sendable {
  /// Paths of specs.
  package var specs: [String]
  /// Names of presets; the defaults of the specs if there are none.
  package var presets: [String]
  /// Dimensions with the sizes each takes.
  package var dims: [(name: String, sizes: [Int])]

  package init(specs: [String], presets: [String], dims: [(name: String, sizes: [Int])]) {
    self.specs = specs
    self.presets = presets
    self.dims = dims
  }
}

/// One configuration.
package struct SweepPoint: Sendable {
  /// Path of the spec.
  package let spec: String
  package let preset: String?
  /// The sizes of the varied dimensions, in the order of the request.
  package let sizes: [Int]
}

/// The ways to derive that a sweep compares.
package enum SweepDerivation: Int, CaseIterable, Sendable {
  case standardWithoutRematerialization, standard, mixed

  /// The name in files and legends.
  package var title: String {
    switch self {
    case .standardWithoutRematerialization: "standard_none"
    case .standard: "standard_block"
    case .mixed: "mixed_block"
    }
  }

  var options: DerivationOptions {
    switch self {
    case .standardWithoutRematerialization:
      DerivationOptions(derivation: .standard, rematerialization: .none)
    case .standard: DerivationOptions(derivation: .standard)
    case .mixed: DerivationOptions(derivation: .mixed)
    }
  }
}

extension SweepRequest {
  /// All configurations: the first dimension varies slowest.
  package var points: [SweepPoint] {
    let names: [String?] = presets.isEmpty ? [nil] : presets
    let combinations = dims.reduce([[Int]](arrayLiteral: [])) { lists, dimension in
      lists.flatMap { list in dimension.sizes.map { list + [$0] } }
    }
    return specs.flatMap { spec in
      names.flatMap { preset in
        combinations.map { SweepPoint(spec: spec, preset: preset, sizes: $0) }
      }
    }
  }

  /// Plans the meta-gradient of every configuration in every derivation. A spec is read once, and
  /// elaborated once for all derivations of a configuration.
  ///
  /// - Parameter progress: told the number of configurations done, from any thread.
  /// - Cost: about half a second a configuration, shared by all processors.
  /// - Throws: `CompilationFailure` of the first configuration that has one.
  package func run(_ progress: @Sendable (Int) -> Void) throws -> SweepReport {
    let points = points
    let loaded = Dictionary(specs.map { ($0, LoadedSpec(path: $0)) }) { first, _ in first }
    let results = Mutex((done: 0, bytes: [[Int]](repeating: [], count: points.count)))
    let failure = Mutex<(index: Int, error: any Error)?>(nil)
    DispatchQueue.concurrentPerform(iterations: points.count) { index in
      // Further plans would only repeat what is wrong with one.
      guard failure.withLock({ $0 == nil }) else { return }
      do {
        let bytes = try SweepDerivation.allCases.map {
          try arenaBytes(of: points[index], loaded, $0)
        }
        let done = results.withLock { results in
          results.bytes[index] = bytes
          results.done += 1
          return results.done
        }
        progress(done)
      } catch {
        failure.withLock { if $0.map({ index < $0.index }) ?? true { $0 = (index, error) } }
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
    let diagnostics = DiagnosticCollector()
    for spec in specs { loaded[spec]?.repeatDiagnostics(to: diagnostics) }
    return SweepReport(
      dimensions: dims.map(\.name), points: points, arenaBytes: results.withLock { $0.bytes },
      warningText: diagnostics.diagnostics.isEmpty ? "" : diagnostics.rendered())
  }

  /// Bytes of the arena of the meta-gradient for one worker.
  private func arenaBytes(
    of point: SweepPoint, _ specs: [String: LoadedSpec], _ derivation: SweepDerivation
  ) throws -> Int {
    var options = BuildOptions()
    options.preset = point.preset
    options.dims = Dictionary(zip(dims.map(\.name), point.sizes)) { _, last in last }
    options.derivation = derivation.options
    let spec = specs[point.spec] ?? LoadedSpec(path: point.spec)
    let report = try Compilation(spec, options: options).plan([.metaGradient])
    return report.entryPoints[0].totalBytes(workers: 1)
  }
}
