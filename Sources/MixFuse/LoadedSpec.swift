// SPDX-License-Identifier: Apache-2.0
//
// One spec for the time of a command. Its files are read and parsed once, and it is elaborated once for
// each choice of sizes and float type, however many compilations ask: the candidates of `--memory`, the
// other derivation and the smaller dims of `verify`, the combinations of an ablation, the points of a
// sweep. What was said on the way is said again to each that asks; its collector drops what it has.

package import Diagnostics
import Elaboration
import Optimization
package import SpecLanguage
import Synchronization
package import TensorIR

/// A spec that is read at its first use.
package final class LoadedSpec: Sendable {
  package let path: String
  private let state = Mutex(State())

  /// What a problem is made of, but for the spec.
  private struct Choices: Hashable {
    let dims: [String: Int]
    let preset: String?
    let dtype: DType
  }

  /// What a stage made, and what it said.
  private struct Outcome<Value: Sendable> {
    /// Nil after an error.
    let value: Value?
    let diagnostics: [Diagnostic]
    let suppressedErrors: Int

    init(_ body: (DiagnosticCollector) throws -> Value?) rethrows {
      let collector = DiagnosticCollector()
      let value = try body(collector)
      self.value = collector.hasErrors ? nil : value
      diagnostics = collector.diagnostics
      suppressedErrors = collector.suppressedErrors
    }

    /// The value; what was said goes to a collector.
    func get(reportingTo collector: DiagnosticCollector) throws -> Value {
      collector.report(diagnostics, suppressedErrors: suppressedErrors)
      guard let value else { throw CompilationFailure(diagnostics: collector) }
      return value
    }
  }

  private struct State {
    var file: Outcome<SpecFile>?
    var problems: [Choices: Outcome<MetaProblem>] = [:]
  }

  package init(path: String) {
    self.path = path
  }

  /// The number of different problems that the spec was elaborated to.
  package var elaborationCount: Int { state.withLock { $0.problems.count } }

  /// Says again, to one more collector, all that was said.
  package func repeatDiagnostics(to collector: DiagnosticCollector) {
    state.withLock { state in
      let outcomes = [state.file?.diagnostics] + state.problems.values.map(\.diagnostics)
      for diagnostics in outcomes.compactMap(\.self) {
        collector.report(diagnostics, suppressedErrors: 0)
      }
    }
  }

  /// The syntax tree, imports included.
  ///
  /// - Throws: `CompilationFailure` after an error.
  package func parsed(reportingTo diagnostics: DiagnosticCollector) throws -> SpecFile {
    try state.withLock { try parsed(&$0) }.get(reportingTo: diagnostics)
  }

  private func parsed(_ state: inout State) throws -> Outcome<SpecFile> {
    if let file = state.file { return file }
    let file = try onLargeStack { [path] in
      Outcome { loadSpec(at: path, diagnostics: $0) }
    }
    state.file = file
    return file
  }

  /// The problem at the sizes and in the float type of a build, ready for derivatives to be taken.
  ///
  /// - Throws: `CompilationFailure` after an error.
  package func problem(
    for options: BuildOptions, reportingTo diagnostics: DiagnosticCollector
  ) throws -> MetaProblem {
    let choices = Choices(dims: options.dims, preset: options.preset, dtype: options.dtype)
    let outcome = try state.withLock { state in
      let file = try parsed(&state).get(reportingTo: diagnostics)
      if let known = state.problems[choices] { return known }
      let outcome = try Self.elaborated(file, choices)
      state.problems[choices] = outcome
      return outcome
    }
    return try outcome.get(reportingTo: diagnostics)
  }

  private static func elaborated(
    _ file: SpecFile, _ choices: Choices
  ) throws -> Outcome<MetaProblem> {
    try onLargeStack {
      Outcome { diagnostics -> MetaProblem? in
        let elaborated = elaborate(
          file, dims: choices.dims, preset: choices.preset, dtype: choices.dtype,
          diagnostics: diagnostics)
        guard var problem = elaborated else { return nil }
        let graphs: [WritableKeyPath<MetaProblem, Graph>] = [
          \.innerLoss, \.initialState, \.update, \.outerLoss,
        ]
        for graph in graphs {
          let passes = Pipelines.beforeDerivatives(of: problem[keyPath: graph])
          problem[keyPath: graph] = runPasses(problem[keyPath: graph], passes)
        }
        return problem
      }
    }
  }
}
