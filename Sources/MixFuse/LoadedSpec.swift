// SPDX-License-Identifier: Apache-2.0
//
// One spec for the time of a command. Its files are read and parsed once, and it is elaborated once for
// each choice of sizes and float type, however many compilations ask: the candidates of `--memory`, the
// other derivation and the smaller dims of `verify`, the combinations of an ablation, the points of a
// sweep. What was said on the way is said again to each that asks; its collector drops what it has.
//
// A file of graphs (`ProblemSource.swift`) stands for a spec here: no command knows the difference.

package import Diagnostics
import Elaboration
package import MixFuseShared
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

  /// What a file turned out to be.
  private enum Content: Sendable {
    case spec(SpecFile)
    case problem(ProblemSource)
  }

  /// A problem, and the name of the file that it was written in at first.
  private struct Elaborated: Sendable {
    var problem: MetaProblem
    var source: String
  }

  private struct State {
    var file: Outcome<Content>?
    var problems: [Choices: Outcome<Elaborated>] = [:]
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
  /// - Throws: `CompilationFailure` after an error; `ProblemMessage` for a file of graphs.
  package func parsed(reportingTo diagnostics: DiagnosticCollector) throws -> SpecFile {
    switch try content(reportingTo: diagnostics) {
    case .spec(let file): return file
    case .problem: throw ProblemMessage.noSyntax
    }
  }

  /// The bytes of all files that were read, for digests.
  ///
  /// - Throws: `CompilationFailure` after an error.
  func bytes(reportingTo diagnostics: DiagnosticCollector) throws -> [[UInt8]] {
    switch try content(reportingTo: diagnostics) {
    case .spec(let file): return file.sources.map(\.bytes)
    case .problem(let source): return [source.bytes]
    }
  }

  /// The float type that the file itself is written with; nil for a spec, which leaves it open.
  package var ownFloatType: FloatType? {
    guard case .problem(let source) = try? content(reportingTo: DiagnosticCollector()) else {
      return nil
    }
    return source.dtype?.floatType
  }

  private func content(reportingTo diagnostics: DiagnosticCollector) throws -> Content {
    try state.withLock { try content(&$0) }.get(reportingTo: diagnostics)
  }

  private func content(_ state: inout State) throws -> Outcome<Content> {
    if let file = state.file { return file }
    let file = try onLargeStack { [path] in
      Outcome { diagnostics -> Content? in
        if let source = ProblemSource(path: path) { return .problem(source) }
        return loadSpec(at: path, diagnostics: diagnostics).map { .spec($0) }
      }
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
    try elaborated(for: options, reportingTo: diagnostics).problem
  }

  /// The name, without folders, of the file that the problem was written in at first: the spec, or
  /// what a file of graphs was made from.
  ///
  /// - Throws: `CompilationFailure` after an error.
  func sourceName(
    for options: BuildOptions, reportingTo diagnostics: DiagnosticCollector
  ) throws -> String {
    try elaborated(for: options, reportingTo: diagnostics).source
  }

  private func elaborated(
    for options: BuildOptions, reportingTo diagnostics: DiagnosticCollector
  ) throws -> Elaborated {
    let choices = Choices(dims: options.dims, preset: options.preset, dtype: options.dtype)
    let outcome = try state.withLock { state in
      let file = try content(&state).get(reportingTo: diagnostics)
      if let known = state.problems[choices] { return known }
      let outcome = try elaborated(file, choices)
      state.problems[choices] = outcome
      return outcome
    }
    return try outcome.get(reportingTo: diagnostics)
  }

  private func elaborated(
    _ content: Content, _ choices: Choices
  ) throws -> Outcome<Elaborated> {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return try onLargeStack {
      Outcome { diagnostics -> Elaborated? in
        guard var result = Self.read(content, choices, name, diagnostics) else { return nil }
        let graphs: [WritableKeyPath<MetaProblem, Graph>] = [
          \.innerLoss, \.initialState, \.update, \.outerLoss,
        ]
        for graph in graphs {
          let passes = Pipelines.beforeDerivatives(of: result.problem[keyPath: graph])
          result.problem[keyPath: graph] = runPasses(result.problem[keyPath: graph], passes)
        }
        return result
      }
    }
  }

  /// The problem as its front end gives it.
  private static func read(
    _ content: Content, _ choices: Choices, _ name: String, _ diagnostics: DiagnosticCollector
  ) -> Elaborated? {
    switch content {
    case .spec(let file):
      let problem = elaborate(
        file, dims: choices.dims, preset: choices.preset, dtype: choices.dtype,
        diagnostics: diagnostics)
      return problem.map { Elaborated(problem: $0, source: name) }
    case .problem(let source):
      let file = source.problem(
        dims: choices.dims, preset: choices.preset, dtype: choices.dtype, diagnostics: diagnostics)
      return file.map { Elaborated(problem: $0.problem, source: $0.source) }
    }
  }
}
